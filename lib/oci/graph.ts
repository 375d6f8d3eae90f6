import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { concurrently } from "./concurrently.ts";
import type { Source, Target } from "./content.ts";
import { type Descriptor, type Digest, isIndex, isManifest, mediaTypes, type Platform } from "./descriptor.ts";
import { rewriteIndex } from "./index-rewrite.ts";
import { childrenOf, type Manifest, readAll, readManifest } from "./manifest.ts";
import { formatPlatform, isPlatform, parsePlatform } from "./platform.ts";

/** How often an index may hold an index. Images in use nest at most once. */
const MAX_NESTING = 4;
/** Manifests and blobs together; images in use have some hundreds. */
const MAX_PARTS = 20_000;
/** All manifests of a graph are in memory at once. */
const MAX_MANIFESTS_BYTES = 64 * 1024 * 1024;
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** A manifest that was read: its exact bytes, and what they say. */
export interface ReadManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  /** An index that names images which are left out, since nobody wants their platforms. */
  readonly sparse?: boolean;
}

/** What belongs to an image or index, each part once. */
export interface Graph {
  /** What all this belongs to: what was asked for, or the index that was rewritten from it. */
  readonly root: Descriptor;
  /** Children before parents. */
  readonly manifests: readonly ReadManifest[];
  /** Everything else: configs, layers. */
  readonly blobs: readonly Descriptor[];
  /** Manifests that were left out because `except` holds them. */
  readonly held: readonly Descriptor[];
}

export interface GraphOptions {
  /**
   * Which images of an index to take: `linux/amd64`, `linux/arm/v7`; every variant where none is named. The index itself
   * stays as it is. What has no platform (charts, other artifacts) is for all of them, and what an index says about an
   * image comes with the image.
   */
  readonly platforms?: readonly string[] | undefined;
  /** Give each index that names images which are not taken a form without them, with a digest of its own. */
  readonly rewrite?: boolean | undefined;
  /**
   * Leave out what this place holds. An image that is there is there with its parts; an index may be there without some
   * of its images, so these are looked for one by one.
   */
  readonly except?: Holder | undefined;
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Holder = Pick<Target, "name" | "open" | "has">;

/**
 * Read the manifests below a descriptor and list what they name.
 *
 * @throws RejectedError MANIFEST_INVALID for a graph that is too deep, too large, or contradicts itself; CONTENT_UNKNOWN
 *   when there is no image for any of `platforms`; and whatever the places throw
 */
export async function readGraph(source: Source, root: Descriptor, options: GraphOptions = {}): Promise<Graph> {
  const { except, rewrite = false, concurrency = 4, signal } = options;
  if (!isManifest(root.mediaType)) refuse(source.name, root.digest, `it is ${root.mediaType}, neither image nor index`);
  const reader: Reader = { source, except, rewrite, wanted: options.platforms?.map(parsePlatform) };
  const nodes = new Map<Digest, Node>();
  const blobs = new Map<Digest, Descriptor>();
  const claim = claims(source.name);
  claim(root);
  for (let level = [root], depth = 0; level.length > 0; depth++) {
    if (depth > MAX_NESTING) refuse(source.name, root.digest, `it nests more than ${MAX_NESTING} deep`);
    const read = await concurrently(
      level,
      concurrency,
      (descriptor, stop) => readNode(reader, descriptor, stop),
      signal,
    );
    for (const node of read) nodes.set(node.descriptor.digest, node);
    const below = new Map<Digest, Descriptor>();
    for (const part of read.flatMap(({ parts }) => parts)) {
      claim(part);
      if (!isManifest(part.mediaType)) blobs.set(part.digest, part);
      else if (!nodes.has(part.digest)) below.set(part.digest, part);
    }
    level = [...below.values()];
  }
  if (reader.wanted !== undefined) requireOne(source.name, root, reader.wanted, [...nodes.values()]);
  const ordered = childrenFirst(source.name, root.digest, nodes);
  const held = ordered.flatMap(({ isHeld, descriptor }) => (isHeld ? [descriptor] : []));
  const manifests = ordered.flatMap(({ read }) => (read ? [read] : []));
  const graph = { root, manifests, blobs: [...blobs.values()], held };
  return rewrite ? rewritten(graph, except, signal) : graph;
}

/** The same, with only what is there in its indexes. */
async function rewritten(graph: Graph, except: Holder | undefined, signal?: AbortSignal): Promise<Graph> {
  const now = new Map([...graph.held, ...graph.blobs].map((part) => [part.digest, part]));
  const manifests: ReadManifest[] = [];
  const held = [...graph.held];
  for (const read of graph.manifests) {
    const fresh = rewriteIndex(read, ({ digest }) => now.get(digest));
    const { kind } = fresh.manifest;
    if (kind === "index" && fresh !== read && fresh.manifest.manifests.length === 0) continue;
    now.set(read.descriptor.digest, fresh.descriptor);
    // an index was not looked for, since nobody knew what it would be; an image was
    if (kind === "index" && (await except?.has(fresh.descriptor, signal))) held.push(fresh.descriptor);
    else manifests.push(fresh);
  }
  return { ...graph, root: now.get(graph.root.digest)!, manifests, held };
}

interface Reader {
  readonly source: Source;
  readonly except: Holder | undefined;
  readonly rewrite: boolean;
  readonly wanted: readonly Platform[] | undefined;
}

interface Node {
  readonly descriptor: Descriptor;
  readonly isHeld?: boolean;
  /** Absent for what is left out. */
  readonly read?: ReadManifest;
  /** What must be looked at next: all its parts, or those of the wanted platforms. */
  readonly parts: readonly Descriptor[];
  /** Platforms of images that nobody wants. */
  readonly unwanted: readonly Platform[];
}

async function readNode(
  { source, except, rewrite, wanted }: Reader,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Node> {
  const nothing: Node = { descriptor, parts: [], unwanted: [] };
  const isImage = !isIndex(descriptor.mediaType);
  const look = except !== undefined && (isImage || !rewrite);
  const held = look && (await except.has(descriptor, signal)) ? except : undefined;
  // an index says what its images are for; an image that comes alone only says so in its config
  const unsure = isImage && wanted !== undefined && descriptor.platform === undefined;
  if (held && isImage && !unsure) return { ...nothing, isHeld: true };

  const place = held ?? source;
  const { bytes, manifest } = await readManifest(place, descriptor, signal);
  const isWanted = (platform: Platform | undefined): boolean =>
    platform === undefined || wanted === undefined || wanted.some((one) => isPlatform(platform, one));
  if (manifest.kind === "image") {
    const platform = unsure ? await platformOf(place, manifest.config, signal) : undefined;
    if (!isWanted(platform)) return { ...nothing, unwanted: [platform!] };
    if (held) return { ...nothing, isHeld: true };
  }
  const children = childrenOf(manifest).filter(({ mediaType }) => !isForeign(mediaType));
  const chosen = new Set<string>(children.filter(({ platform }) => isWanted(platform)).map(({ digest }) => digest));
  const parts = children.filter((child) => chosen.has(child.digest) || chosen.has(statementOf(child)));
  const unwanted = children.flatMap((child) => (child.platform && !parts.includes(child) ? [child.platform] : []));
  if (held) return { descriptor, isHeld: true, parts, unwanted };
  return { descriptor, parts, unwanted, read: { descriptor, bytes, manifest, sparse: parts.length < children.length } };
}

/**
 * The image that a manifest beside it says something about: BuildKit keeps attestations so, for the platform
 * "unknown/unknown" (https://docs.docker.com/build/metadata/attestations/attestation-storage/).
 */
const statementOf = ({ annotations }: Descriptor): string => annotations?.["vnd.docker.reference.digest"] ?? "";

/**
 * Layers that must be fetched from where their manifest says; registries take a manifest without them.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers
 */
export const isForeign = (mediaType: string): boolean =>
  mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.tar") ||
  mediaType.startsWith("application/vnd.docker.image.rootfs.foreign.diff.tar");

const configSchema = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() });

/** What an image is for, by its config. @returns undefined for what is no image for one platform */
export async function platformOf(
  place: Pick<Source, "name" | "open">,
  config: Descriptor,
  signal: AbortSignal,
): Promise<Platform | undefined> {
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig) return undefined;
  const bytes = await readAll(place, config, MAX_CONFIG_BYTES, signal);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    refuse(place.name, config.digest, "it is a config that is not JSON");
  }
  const parsed = configSchema.safeParse(json);
  return parsed.success && parsed.data.os !== "" ? parsed.data : undefined;
}

function requireOne(place: string, root: Descriptor, wanted: readonly Platform[], nodes: readonly Node[]): void {
  const offered = nodes.flatMap(({ unwanted }) => unwanted);
  // an image is wanted unless it was found not to be
  const images = nodes.filter(({ descriptor, unwanted }) => !isIndex(descriptor.mediaType) && unwanted.length === 0);
  if (images.length > 0 || offered.length === 0) return;
  const list = (platforms: readonly Platform[]): string =>
    [...new Set(platforms.map(formatPlatform))].join(", ").slice(0, 400);
  throw new RejectedError(
    "CONTENT_UNKNOWN",
    `Cannot find ${root.digest} of ${place} for ${list(wanted)}: there is ${list(offered)}`,
  );
}

/** Counts parts. Refuses too many, and one that is said to be two things: the second would never be checked. */
function claims(place: string): (part: Descriptor) => void {
  const parts = new Map<Digest, string>();
  let manifestBytes = 0;
  return ({ digest, size, mediaType }) => {
    const said = `a ${isManifest(mediaType) ? "manifest" : "blob"} of ${size} bytes`;
    const known = parts.get(digest);
    if (known === said) return;
    if (known !== undefined) refuse(place, digest, `it is said to be ${known} and ${said}`);
    parts.set(digest, said);
    if (parts.size > MAX_PARTS) refuse(place, digest, `there are more than ${MAX_PARTS} parts`);
    if (isManifest(mediaType)) manifestBytes += size;
    if (manifestBytes > MAX_MANIFESTS_BYTES) refuse(place, digest, "its manifests have more than 64 MiB");
  };
}

function childrenFirst(place: string, root: Digest, nodes: ReadonlyMap<Digest, Node>): readonly Node[] {
  const ordered = new Set<Node>();
  const visit = (digest: Digest, above: readonly Digest[]): void => {
    if (above.includes(digest)) refuse(place, digest, "it contains itself");
    if (above.length > MAX_NESTING) refuse(place, digest, `it nests more than ${MAX_NESTING} deep`);
    const node = nodes.get(digest)!;
    if (ordered.has(node)) return;
    for (const part of node.parts) if (isManifest(part.mediaType)) visit(part.digest, [...above, digest]);
    ordered.add(node);
  };
  visit(root, []);
  return [...ordered];
}

function refuse(place: string, digest: Digest, why: string): never {
  throw new RejectedError("MANIFEST_INVALID", `Cannot take ${digest} of ${place}: ${why}`);
}
