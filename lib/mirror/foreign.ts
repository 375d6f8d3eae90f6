import type { Registries } from "../oci/index.ts";

/** So many say enough. */
const MAX_NAMED = 20;

/** What belongs to an image rather than being one: cosign's tags and the fallback tags of referrers. */
const COMPANION = /^sha256-[a-f0-9]{64}/;

/**
 * Images of a registry that are not among the given ones, at most 20, as `repository:tag`. Companions of images in listed
 * repositories are no images. A repository without tags holds none either: registries go on listing it.
 *
 * @param names `repository:tag`
 * @throws what the registry throws; one that does not tell its repositories cannot be vouched for
 */
export async function foreignImages(
  registries: Registries,
  host: string,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const listed = new Set([...names].map((name) => name.slice(0, name.search(/[:@]/))));
  const foreign: string[] = [];
  for await (const repository of registries.repositories(host, signal)) {
    for await (const tag of registries.repository(host, repository).tags(signal)) {
      const name = `${repository}:${tag}`;
      if (names.has(name) || (listed.has(repository) && COMPANION.test(tag))) continue;
      foreign.push(name);
      if (foreign.length === MAX_NAMED) return foreign;
    }
  }
  return foreign;
}
