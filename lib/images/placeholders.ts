import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError, StowageError } from "../errors.ts";
import { type Finding, type Findings, reasonOutside, type Unresolved } from "./finding.ts";
import { judgeLine, type ListRules, listDefects, nameOf } from "./list-line.ts";
import { parseDocuments } from "./manifest-objects.ts";
import { mentionsIn } from "./mentions.ts";
import { isFields, pathOf } from "./place.ts";
import { readText } from "./read-manifests.ts";

/** OEM-W7: the longest run of these characters, anywhere in the text. */
const PLACEHOLDER = /\[\[ *registry_(release|library) *\]\]\/([A-Za-z0-9_./:-]+)/g;
/** Any other name that is filled in at deployment (OEM-W5). */
const OTHER = /\[\[ *\w+ *\]\]/g;

const RULES: ListRules = { form: "project", projects: ["release", "library"] };
const MAX_FILES = 100_000;

/**
 * The images of OEM addon files, by the exact rule OEM-W7: `release/X` and `library/X` for every placeholder in any file below
 * a directory, each once, in the order of files (by path component) and of their first mention.
 *
 * Lines that are no `project/name:tag` are unresolved, and so are images without placeholder: those belong into a list kept by
 * hand.
 *
 * @param byHand images of such lists, without host: `acme/lantern:dev`
 * @throws RejectedError CHART_INVALID when the directory or a file cannot be read
 */
export async function findPlaceholders(directory: string, byHand: ReadonlySet<string> = new Set()): Promise<Findings> {
  const images = new Map<string, Finding>();
  const unresolved: Unresolved[] = [];
  for (const file of await filesBelow(directory)) {
    const text = await readText(join(directory, file));
    for (const { image, raw, line } of placeholdersIn(text)) {
      const judged = judgeLine(image, RULES);
      if ("defect" in judged) {
        const { meaning } = listDefects[judged.defect];
        unresolved.push({ chart: file, reason: `line ${line}: "${image}" ${meaning}`, raw });
      } else if (!images.has(image)) {
        const reason = reasonOutside({ chart: file, template: file, path: `line ${line}`, rule: "placeholder", raw });
        images.set(image, { image, status: "required", reasons: [reason] });
      }
    }
    for (const { raw, path, name } of withoutPlaceholder(text)) {
      if (byHand.has(name)) continue;
      const reason = `${path}: "${raw}" has no placeholder; such images belong into a list kept by hand`;
      unresolved.push({ chart: file, reason, raw });
    }
  }
  return { images: [...images.values()], unresolved };
}

function* placeholdersIn(text: string): Generator<{ image: string; raw: string; line: number }> {
  let [line, from] = [1, 0];
  for (const match of text.matchAll(PLACEHOLDER)) {
    for (let at = text.indexOf("\n", from); at >= 0 && at < match.index; at = text.indexOf("\n", from)) {
      line += 1;
      from = at + 1;
    }
    yield { image: `${match[1]}/${match[2]}`, raw: match[0], line };
  }
}

/** Images that a file names in full. A file that is no YAML names none. */
function withoutPlaceholder(text: string): readonly { raw: string; path: string; name: string }[] {
  try {
    const documents = parseDocuments(text.replaceAll(OTHER, "\ue000"));
    const mentions = documents.flatMap((document) => (isFields(document) ? mentionsIn(document).mentions : []));
    return mentions.flatMap(({ spelling, raw, place }) =>
      spelling === undefined ? [] : [{ raw: String(raw), path: pathOf(place), name: nameOf(spelling.reference) }],
    );
  } catch (error) {
    if (error instanceof StowageError) return [];
    throw error;
  }
}

/** Paths below a directory, ordered by path component: `a/b.yaml` before `a-b/c.yaml`, directory `a` before file `a.yaml`. */
async function filesBelow(directory: string): Promise<readonly string[]> {
  const files: string[] = [];
  await walk("");
  return files;

  async function walk(below: string): Promise<void> {
    const entries = await list(join(directory, below));
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) files.push(path);
      if (files.length > MAX_FILES)
        throw new RejectedError("CHART_INVALID", `Cannot read "${directory}": too many files`);
    }
  }
}

const list = (path: string): Promise<Dirent[]> =>
  readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new RejectedError("CHART_INVALID", `Cannot read "${path}": ${error.code ?? error.message}`, { cause: error });
  });
