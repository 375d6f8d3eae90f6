import { createHash } from "node:crypto";
import { RejectedError, TransientError } from "../errors.ts";
import type { Files } from "./files.ts";
import type { PlannedFile } from "./plan.ts";
import type { Problems } from "./problems.ts";
import type { Release } from "./release-schema.ts";
import { fill, releaseValues } from "./templates.ts";

/** Look at every file that a description names, and note what each is now. Problems are added, not thrown. */
export async function planFiles(
  release: Release,
  reader: Files,
  problems: Problems,
  signal: AbortSignal,
): Promise<readonly PlannedFile[]> {
  const files: PlannedFile[] = [];
  for (const [position, { path, from, mode }] of release.files.entries()) {
    const at = ["files", position];
    const key = fill(from, releaseValues(release));
    if ("problem" in key) {
      problems.add([...at, "from"], key.problem);
      continue;
    }
    try {
      const seen = await lookAt(reader, key.text, signal);
      files.push({ path, mode: Number.parseInt(mode, 8), source: key.text, ...seen });
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      problems.add([...at, "from"], error.message);
    }
  }
  return files;
}

/** A file that is read again later, and must be the same then. */
async function lookAt(
  reader: Files,
  key: string,
  signal: AbortSignal,
): Promise<Pick<PlannedFile, "content" | "sha256">> {
  const { size, version, body } = await reader.get(key, { signal });
  const hash = createHash("sha256");
  for await (const chunk of body) hash.update(chunk);
  return {
    sha256: hash.digest("hex"),
    content: {
      name: key,
      size,
      async *read(start, end, stop) {
        const now = await reader.get(key, { start, end, signal: stop });
        if (now.version !== version) {
          await now.body[Symbol.asyncIterator]().return?.();
          throw new TransientError(
            "STORE_UNAVAILABLE",
            `Cannot bundle "${key}": it changed while the bundle was built`,
          );
        }
        yield* now.body;
      },
    },
  };
}
