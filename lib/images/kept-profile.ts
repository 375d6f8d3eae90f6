import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { RejectedError } from "../errors.ts";
import { type Digest, digestOf } from "../oci/index.ts";
import type { Findings } from "./finding.ts";
import { type FindingsStore, findingsKey, keptFindings } from "./findings-cache.ts";
import type { ExploreOptions } from "./optional/explore.ts";

/** What findings of a chart depend on. */
export interface KeptProfile {
  /** Of the chart's archive. */
  readonly digest: Digest;
  readonly profile: ExploreOptions;
  /** Name and version of what renders. */
  readonly renderer: string;
}

/** What is kept of a chart rendered in one way, else what `find` finds, which is then kept. @returns it, and its key */
export async function findingsOfProfile(
  kept: FindingsStore,
  { digest, profile, renderer }: KeptProfile,
  find: (stop?: AbortSignal) => Promise<Findings>,
  signal?: AbortSignal,
): Promise<{ readonly findings: Findings; readonly key: string }> {
  const key = findingsKey(digest, { renderer, ...(await contentsOf(profile)) });
  return { key, findings: await keptFindings(kept, key, find, signal) };
}

/** What a chart is rendered with, by content: a values file may change under its name. What is not said is left out. */
async function contentsOf({ signal: _, valuesFiles = [], setFile = [], ...profile }: ExploreOptions): Promise<object> {
  const digests = await Promise.all(valuesFiles.map(digestOfFile));
  const files = await Promise.all(
    setFile.map(async (pair) => {
      const at = pair.indexOf("=") + 1;
      return [pair.slice(0, at), await digestOfFile(pair.slice(at))];
    }),
  );
  const said = Object.entries({ ...profile, valuesFiles: digests, setFile: files })
    .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(said);
}

/** Bytes of a file that is hashed without waiting: most archives are smaller, and the thread pool costs more than they do. */
const AT_ONCE = 4 * 1024 * 1024;

/** @throws RejectedError CHART_UNRENDERABLE when it cannot be read */
export async function digestOfFile(path: string): Promise<Digest> {
  try {
    const status = statSync(path);
    if (status.isFile() && status.size <= AT_ONCE) return digestOf(readFileSync(path));
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    return `sha256:${hash.digest("hex")}`;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RejectedError("CHART_UNRENDERABLE", `Cannot read "${path}": ${why}`, { cause: error });
  }
}
