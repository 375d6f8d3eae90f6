import { RejectedError } from "../errors.ts";
import type { ImageList, ListedImage } from "../images/lists.ts";
import { type CopyOptions, formatReference, isHost, type Reference } from "../oci/index.ts";

/** One hop: the images of the lists, from one registry to another. */
export interface MirrorRequest {
  readonly list: ImageList;
  /** Host to pull from, whatever hosts the images name. Without it each image must name its own. */
  readonly from?: string | undefined;
  /** Host to push to. */
  readonly to: string;
  /** The first part of a path at the source, by the one at the target. For `from` only: a full reference is pulled as it is. */
  readonly rename?: Readonly<Record<string, string>> | undefined;
  /** Refuse the run while the target holds an image that is not in the list (OEM-T13). */
  readonly mustBeEmpty?: boolean | undefined;
  /** As for {@linkcode CopyOptions}; default: all. */
  readonly platforms?: CopyOptions["platforms"];
  readonly rewriteIndex?: CopyOptions["rewriteIndex"];
  /**
   * Look again at images whose tag is right at the target. By default that is enough, at one HEAD a side; but it does not
   * show signatures that came later, nor platforms that an earlier run was told to leave out.
   */
  readonly recheck?: boolean | undefined;
  /** Find out what would be done, and write nothing. */
  readonly dryRun?: boolean | undefined;
}

/** What the operator has decided about a registry, as far as mirrors care. */
export interface RegistryRules {
  readonly host: string;
  readonly renameWhenSource?: Readonly<Record<string, string>> | undefined;
  readonly mustBeEmpty?: boolean | undefined;
}

/** The configured rules for one hop. */
export const rulesOfHop = (
  registries: readonly RegistryRules[],
  { from, to }: Pick<MirrorRequest, "from" | "to">,
): Required<Pick<MirrorRequest, "rename" | "mustBeEmpty">> => ({
  rename: registries.find(({ host }) => host === from)?.renameWhenSource ?? {},
  mustBeEmpty: registries.find(({ host }) => host === to)?.mustBeEmpty ?? false,
});

/** One image as it is pulled and as it is pushed. */
export interface PlannedImage {
  readonly source: Reference;
  /** By tag; by digest where the list names no tag. */
  readonly target: Reference;
}

/**
 * Under which names images are pulled and pushed (OEM-W8): the push keeps what the list says, the pull is renamed.
 *
 * @throws RejectedError MIRROR_INVALID when a host is none, or there is none to pull an image from
 */
export function planImages({ list, from, to, rename = {} }: MirrorRequest): readonly PlannedImage[] {
  for (const host of from === undefined ? [to] : [from, to]) {
    if (!isHost(host)) throw invalid(`"${host.slice(0, 300)}" is not a host`);
  }
  return list.images.map((image) => ({ source: sourceOf(image, from, rename), target: targetOf(image, to) }));
}

function sourceOf(image: ListedImage, from: string | undefined, rename: Readonly<Record<string, string>>): Reference {
  if (from !== undefined) return { ...image, registry: from, repository: renamed(image.repository, rename) };
  const { registry } = image;
  if (registry === undefined) throw invalid(`there is no host to pull "${image.repository}" from`);
  return { ...image, registry };
}

function targetOf({ repository, tag, digest }: ListedImage, to: string): Reference {
  return { registry: to, repository, ...(tag === undefined ? { digest: digest! } : { tag }) };
}

/** Only the first part, and only as a whole (OEM-T12). */
function renamed(repository: string, rename: Readonly<Record<string, string>>): string {
  const [first = "", ...rest] = repository.split("/");
  return Object.hasOwn(rename, first) && rest.length > 0 ? [rename[first], ...rest].join("/") : repository;
}

const invalid = (why: string): RejectedError => new RejectedError("MIRROR_INVALID", `Cannot mirror: ${why}`);

/** How reports and miss files name an image. */
export const namesOf = ({ source, target }: PlannedImage) => ({
  source: formatReference(source),
  target: formatReference(target),
});
