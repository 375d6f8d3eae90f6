import { RejectedError } from "../errors.ts";
import { formatReference, parseReference } from "../oci/index.ts";
import { parseLock } from "./lock.ts";
import { readSpelling } from "./spelling.ts";

/** An entry of a list, or of a lock when its digest is known. */
export interface ComparedImage {
  readonly image: string;
  readonly digest?: string;
}

/**
 * A list from before, to compare with: the text of a lock, or of a list of references. Empty lines and those that begin with `#`
 * are skipped.
 *
 * @throws RejectedError LIST_INVALID
 */
export function readCompared(text: string): readonly ComparedImage[] {
  if (text.trimStart().startsWith("{")) return parseLock(text).images;
  return text.split(/\r?\n/).flatMap((line, i) => {
    const image = line.trim();
    if (image === "" || image.startsWith("#")) return [];
    if (readSpelling(image)?.exact) return [{ image }];
    const shown = JSON.stringify(image.slice(0, 200));
    throw new RejectedError(
      "LIST_INVALID",
      `Cannot compare with line ${i + 1}: ${shown} is no image with tag or digest`,
    );
  });
}

/** What happened between two lists of the same release. Everything is sorted by image. */
export interface ImagesDifference {
  /** Images of repositories that were not there before. */
  readonly added: readonly string[];
  /** Images of repositories that are not there any more. */
  readonly removed: readonly string[];
  /** Repositories that stay, with other tags: those that went, and those that came. One of them may be empty. */
  readonly changed: readonly {
    readonly repository: string;
    readonly from: readonly string[];
    readonly to: readonly string[];
  }[];
  /** Tags that stay and lead to another digest: somebody overwrote them. Known only between two locks. */
  readonly moved: readonly { readonly image: string; readonly from: string; readonly to: string }[];
  /** How many images are the same. */
  readonly unchanged: number;
}

/**
 * Compare by normalised reference.
 *
 * @throws RejectedError REFERENCE_INVALID when an entry is no reference
 */
export function compareImages(before: readonly ComparedImage[], after: readonly ComparedImage[]): ImagesDifference {
  const [old, now] = [byImage(before), byImage(after)];
  const gone = [...old.keys()].filter((image) => !now.has(image));
  const come = [...now.keys()].filter((image) => !old.has(image));
  const [goneBy, comeBy] = [Map.groupBy(gone, repositoryOf), Map.groupBy(come, repositoryOf)];
  const [oldRepositories, newRepositories] = [
    new Set([...old.keys()].map(repositoryOf)),
    new Set([...now.keys()].map(repositoryOf)),
  ];
  const touched = [...new Set([...goneBy.keys(), ...comeBy.keys()])].sort();
  const stays = (repository: string): boolean => oldRepositories.has(repository) && newRepositories.has(repository);
  const moved = [...now].flatMap(([image, digest]) => {
    const from = old.get(image);
    return digest === undefined || from === undefined || from === digest ? [] : [{ image, from, to: digest }];
  });
  return {
    added: come.filter((image) => !oldRepositories.has(repositoryOf(image))),
    removed: gone.filter((image) => !newRepositories.has(repositoryOf(image))),
    changed: touched.filter(stays).map((repository) => ({
      repository,
      from: (goneBy.get(repository) ?? []).map(versionOf),
      to: (comeBy.get(repository) ?? []).map(versionOf),
    })),
    moved,
    unchanged: now.size - come.length - moved.length,
  };
}

/** Lines without hosts have one while they are compared: no reference can name it. */
const NO_HOST = "host.invalid/";

/**
 * The same of lists without hosts, as OEM lists are (OEM-11): `release/app-admin:v0.3.17`. The difference has none either.
 *
 * @throws RejectedError REFERENCE_INVALID
 */
export function compareHostless(before: readonly ComparedImage[], after: readonly ComparedImage[]): ImagesDifference {
  const hosted = (entries: readonly ComparedImage[]) =>
    entries.map((entry) => ({ ...entry, image: NO_HOST + entry.image }));
  const bare = (text: string): string => text.slice(NO_HOST.length);
  const { added, removed, changed, moved, unchanged } = compareImages(hosted(before), hosted(after));
  return {
    added: added.map(bare),
    removed: removed.map(bare),
    changed: changed.map((each) => ({ ...each, repository: bare(each.repository) })),
    moved: moved.map((each) => ({ ...each, image: bare(each.image) })),
    unchanged,
  };
}

/** Digests by normalised reference, sorted. */
function byImage(images: readonly ComparedImage[]): ReadonlyMap<string, string | undefined> {
  const entries = images.map(({ image, digest }) => [formatReference(parseReference(image)), digest] as const);
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

const repositoryOf = (image: string): string => {
  const { registry, repository } = parseReference(image);
  return `${registry}/${repository}`;
};

/** `v1`, `sha256:…`, `v1@sha256:…` */
const versionOf = (image: string): string => image.slice(repositoryOf(image).length + 1);
