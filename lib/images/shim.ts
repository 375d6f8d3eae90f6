import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import { type Finding, type Findings, reasonOutside, type Unresolved, uniteFindings } from "./finding.ts";
import { readText } from "./read-manifests.ts";
import { readSpelling, whyUnreadable } from "./spelling.ts";

/** Transports that sealos allows before a name; where it copies from makes no other image of it (CI-W5). */
const TRANSPORT = /^(?:containers-storage|docker-daemon):/;
/** `docker-archive:x.tar@repo/img:tag`: what stands before the name is a file. */
const ARCHIVE = /^(?:docker-archive|oci-archive):[^@]*@/;

/**
 * The images of a cluster image's hand-written lists: every file of `images/shim`, one image a line, and the names in
 * `images/skopeo/tar.txt`; `#` lines and empty ones are skipped, quotes trimmed (CI-11, CI-W5).
 *
 * @param directory the one that holds `images`; without such lists there are no findings
 * @throws RejectedError CHART_INVALID when a list cannot be read
 */
export async function findShimImages(directory: string): Promise<Findings> {
  const shim = join(directory, "images", "shim");
  const names = (await filesIn(shim)).sort();
  const archives = (await filesIn(join(directory, "images", "skopeo"))).filter((name) => name === "tar.txt");
  const images: Finding[] = [];
  const unresolved: Unresolved[] = [];
  for (const file of [...names.map((name) => `images/shim/${name}`), ...archives.map(() => "images/skopeo/tar.txt")]) {
    for (const { raw, line } of linesOf(await readText(join(directory, file)))) {
      const name = raw.replace(TRANSPORT, "").replace(ARCHIVE, "");
      const spelling = readSpelling(name);
      if (spelling === undefined) unresolved.push({ chart: file, reason: `line ${line}: ${whyUnreadable(name)}`, raw });
      else {
        const reason = reasonOutside({ chart: file, template: file, path: `line ${line}`, rule: "listed", raw });
        images.push({ image: spelling.image, status: "required", reasons: [reason] });
      }
    }
  }
  return uniteFindings([{ images, unresolved }]);
}

function linesOf(text: string): readonly { raw: string; line: number }[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  return lines.flatMap((line, i) => {
    const raw = line
      .trim()
      .replace(/^(["'])(.*)\1$/, "$2")
      .trim();
    return raw === "" || raw.startsWith("#") ? [] : [{ raw, line: i + 1 }];
  });
}

const filesIn = async (directory: string): Promise<string[]> =>
  (await entriesIn(directory)).filter((entry) => entry.isFile()).map(({ name }) => name);

/** What is in a directory that may not be there. @throws RejectedError CHART_INVALID */
export function entriesIn(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new RejectedError("CHART_INVALID", `Cannot read "${directory}": ${error.code ?? error.message}`, {
      cause: error,
    });
  });
}
