import type { Source } from "./content.ts";
import { type Descriptor, type Digest, isManifest } from "./descriptor.ts";
import { MAX_MANIFEST_BYTES, readAll, readManifest } from "./manifest.ts";
import { parseReferrers, referrersTag } from "./referrers.ts";
import { Subjects } from "./subjects.ts";

/**
 * Finds referrers in a layout, for which there is no rule: regclient keeps a list of them as registries without the API do,
 * under {@linkcode referrersTag}; oras names each in index.json. Both are read; stowage writes the first.
 *
 * @param source the layout
 */
export function layoutReferrers(source: Pick<Source, "name" | "open">) {
  const subjects = new Subjects();

  /** @param entries of index.json, with their names */
  return async function* list(
    subject: Digest,
    entries: readonly (readonly [entry: Descriptor, names: readonly string[]])[],
    signal?: AbortSignal,
  ): AsyncIterable<Descriptor> {
    const found = new Map<Digest, Descriptor>();
    for (const [entry, names] of entries) {
      if (!isManifest(entry.mediaType)) continue;
      if (names.includes(referrersTag(subject))) {
        const bytes = await readAll(source, entry, MAX_MANIFEST_BYTES, signal);
        for (const one of parseReferrers(bytes, entry.mediaType, source.name)) found.set(one.digest, one);
      }
      const read = async () => ({ descriptor: entry, ...(await readManifest(source, entry, signal)) });
      const referrer = await subjects.referrer(subject, entry.digest, read);
      if (referrer !== undefined) found.set(referrer.digest, referrer);
    }
    yield* found.values();
  };
}
