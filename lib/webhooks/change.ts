import { derivedId, type Event, originate } from "../events/index.ts";
import { type Digest, isDigest, isRepository, isTag, mediaTypes } from "../oci/index.ts";

export type ArtifactEvent = Event<"dev.stowage.artifact.pushed.v1" | "dev.stowage.artifact.deleted.v1">;

/** What one notification says of one tag, manifest or repository, in the sender's words: nothing of it is checked. */
export interface Change {
  readonly action: "pushed" | "deleted";
  /** The same when the same occurrence is reported again, another for every other occurrence. */
  readonly id: string;
  /** The registry, where the notification names it. */
  readonly host?: string | undefined;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
  readonly mediaType?: string | undefined;
  readonly artifactKind?: ArtifactKind | undefined;
  /** RFC 3339. */
  readonly time?: string | undefined;
}

/** What came of one notification: a change, or why there is none. */
export type Finding = Change | string;

export type ArtifactKind = "chart" | "image" | "unknown";

/** Which kind of artifact a manifest with a config of one of these media types is. */
export function kindOfConfig(configs: readonly (string | undefined)[]): ArtifactKind {
  if (configs.includes(mediaTypes.helmConfig)) return "chart";
  return configs.includes(mediaTypes.ociConfig) || configs.includes(mediaTypes.dockerConfig) ? "image" : "unknown";
}

/**
 * Make the event of a change.
 *
 * @param scope what the ids of notifications are unique within
 * @param registry the registry as stowage names it, whatever the notification says
 * @returns the event, or why there is none
 */
export function toEvent(change: Change, scope: string, registry: string): ArtifactEvent | string {
  const { action, repository, tag, digest } = change;
  if (!isRepository(repository)) return `"${repository}" is no repository name`;
  if (tag !== undefined && !isTag(tag)) return `"${tag}" is no tag`;
  if (digest !== undefined && !isDigest(digest)) return `"${digest}" is no sha256 digest`;
  if (action === "pushed" && tag === undefined) return "a manifest pushed by digest has no tag";

  const subject = `${repository}${suffixOf(tag, digest)}`;
  const id = derivedId(scope, registry, change.id, action, subject, digest ?? "");
  const init = { source: `https://${registry}`, subject, ...(change.time && { time: change.time }) };
  const where = { registry, repository, ...(tag && { tag }), ...(digest && { digest }) };
  if (action === "deleted") return originate("dev.stowage.artifact.deleted.v1", id, { ...init, data: where });
  const { mediaType, artifactKind = "unknown" } = change;
  const data = { ...where, ...(mediaType && { mediaType }), artifactKind };
  return originate("dev.stowage.artifact.pushed.v1", id, { ...init, data });
}

function suffixOf(tag: string | undefined, digest: Digest | undefined): string {
  if (tag !== undefined) return `:${tag}`;
  return digest === undefined ? "" : `@${digest}`;
}
