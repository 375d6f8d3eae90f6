import { RejectedError, StowageError } from "../errors.ts";
import {
  concurrently,
  type Descriptor,
  formatPlatform,
  parseReference,
  platformOf,
  type Registries,
  readManifest,
  type Source,
  tagOrDigest,
} from "../oci/index.ts";
import type { Finding, Findings, Presence } from "./finding.ts";
import { isPlatformText, type LockedImage } from "./lock.ts";

/** How many images are asked for at once; the registries' own limits hold below that. */
const CONCURRENCY = 8;

/**
 * Ask for the images that are only possible or suspected, with a HEAD each: whether they are there says much about
 * whether they are images at all.
 *
 * @param hosts the registries that may be asked; images of others stay as they are
 */
export async function checkPresence(
  findings: Findings,
  registries: Registries,
  hosts: readonly string[],
  signal?: AbortSignal,
): Promise<Findings> {
  const check = async (finding: Finding, stop: AbortSignal): Promise<Finding> => {
    const { registry } = parseReference(finding.image);
    if (["required", "optional"].includes(finding.status) || !hosts.includes(registry)) return finding;
    const failure = await failureOf(() => resolveImage(finding.image, registries, stop), stop);
    return { ...finding, presence: failure === undefined ? "present" : presenceOf(failure) };
  };
  return { ...findings, images: await concurrently(findings.images, CONCURRENCY, check, signal) };
}

export interface LockResult {
  /** Every image that could be resolved, in the order given. */
  readonly locked: readonly LockedImage[];
  /** All others, in the order given. */
  readonly failures: readonly { readonly image: string; readonly error: StowageError }[];
}

/**
 * Find out what images are now: the digest of each, and for which platforms it is.
 *
 * @param images normalised references
 */
export async function lockImages(
  images: readonly string[],
  registries: Registries,
  signal?: AbortSignal,
): Promise<LockResult> {
  const results = await concurrently(
    images,
    CONCURRENCY,
    async (image, stop) => {
      let locked: LockedImage | undefined;
      const error = await failureOf(async () => {
        const { source, descriptor } = await resolveImage(image, registries, stop);
        locked = { image, digest: descriptor.digest, platforms: await platformsOf(source, descriptor, stop) };
      }, stop);
      return { image, locked, error };
    },
    signal,
  );
  return {
    locked: results.flatMap(({ locked }) => locked ?? []),
    failures: results.flatMap(({ image, error }) => (error === undefined ? [] : [{ image, error }])),
  };
}

async function resolveImage(
  image: string,
  registries: Registries,
  signal: AbortSignal,
): Promise<{ readonly source: Source; readonly descriptor: Descriptor }> {
  const reference = parseReference(image);
  const source = registries.repository(reference.registry, reference.repository);
  return { source, descriptor: await source.resolve(tagOrDigest(reference), signal) };
}

/** An index names the platforms of its images (those of attestations are `unknown`); an image alone does so in its config. */
async function platformsOf(source: Source, descriptor: Descriptor, signal: AbortSignal): Promise<string[]> {
  const { manifest } = await readManifest(source, descriptor, signal);
  const platforms =
    manifest.kind === "index"
      ? manifest.manifests.map(({ platform }) => platform)
      : [await platformOf(source, manifest.config, signal)];
  const texts = platforms.flatMap((platform) => (platform === undefined ? [] : [formatPlatform(platform)]));
  return [...new Set(texts)].filter((text) => isPlatformText(text) && text !== "unknown/unknown").sort();
}

/** What went wrong with one image, which is no reason to leave the others. */
async function failureOf(work: () => Promise<unknown>, signal: AbortSignal): Promise<StowageError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (signal.aborted || !(error instanceof StowageError)) throw error;
    return error;
  }
}

function presenceOf(error: StowageError): Exclude<Presence, "present"> {
  if (!(error instanceof RejectedError)) return "unknown";
  if (error.code === "CONTENT_UNKNOWN") return "missing";
  return error.code === "REGISTRY_DENIED" ? "denied" : "unknown";
}
