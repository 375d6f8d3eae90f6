import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { derivedId, type Event, originate } from "../events/index.ts";
import { type Digest, isDigest, isManifest, isRepository, isTag, mediaTypes } from "../oci/index.ts";

/** https://distribution.github.io/distribution/about/notifications/: v1 up to 2.8, v2 since 3.0; the JSON is the same. */
const MEDIA_TYPE = /^application\/vnd\.docker\.distribution\.events\.v[12]\+json\s*(;|$)/i;

const reference = z.object({ mediaType: z.string() });
const notification = z.object({
  id: z.string().min(1).max(200),
  timestamp: z.iso.datetime({ offset: true }).optional().catch(undefined),
  action: z.string(),
  target: z.object({
    mediaType: z.string().optional(),
    digest: z.custom<Digest>((value) => typeof value === "string" && isDigest(value)).optional(),
    repository: z.string().refine(isRepository, "is no repository name"),
    tag: z.string().refine(isTag, "is no tag").optional(),
    references: z.array(reference).optional(),
  }),
  request: z.object({ host: z.string().min(1).max(255) }),
});
type Notification = z.output<typeof notification>;

const envelope = z.object({ events: z.array(z.unknown()).max(1000) });

export interface Normalised {
  readonly events: readonly Event<"dev.stowage.artifact.pushed.v1" | "dev.stowage.artifact.deleted.v1">[];
  /** Why parts of the envelope led to no event, for the log. */
  readonly ignored: readonly string[];
}

/**
 * Read a notification envelope of a CNCF distribution registry.
 *
 * Pulls, mounts, blobs and manifests pushed by digest only (the children of an index) lead to no event. The notification's
 * own id, which is the same when the registry sends it again, makes the event's id.
 *
 * @throws RejectedError WEBHOOK_INVALID when it is no envelope at all
 */
export function readDistribution(contentType: string | undefined, body: Uint8Array): Normalised {
  if (!MEDIA_TYPE.test(contentType ?? "")) {
    throw new RejectedError("WEBHOOK_INVALID", `Cannot read notification of content type "${contentType ?? ""}"`);
  }
  const parsed = envelope.safeParse(parseJson(body));
  if (!parsed.success) {
    throw new RejectedError("WEBHOOK_INVALID", `Cannot read notification: ${z.prettifyError(parsed.error)}`);
  }
  const events: Normalised["events"][number][] = [];
  const ignored: string[] = [];
  for (const [i, raw] of parsed.data.events.entries()) {
    const one = notification.safeParse(raw);
    if (!one.success) ignored.push(`events.${i}: ${z.prettifyError(one.error).replaceAll("\n", " ")}`);
    else {
      const result = toEvent(one.data);
      if (typeof result === "string") ignored.push(`events.${i}: ${result}`);
      else events.push(result);
    }
  }
  return { events, ignored };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch (error) {
    throw new RejectedError("WEBHOOK_INVALID", "Cannot read notification: it is not JSON", { cause: error });
  }
}

/** @returns the event, or why there is none */
function toEvent({ id, timestamp, action, target, request }: Notification): Normalised["events"][number] | string {
  const { repository, tag, digest, mediaType, references } = target;
  const where = { registry: request.host, repository, ...(tag && { tag }), ...(digest && { digest }) };
  const init = {
    source: `https://${request.host}`,
    subject: tag === undefined ? `${repository}${digest === undefined ? "" : `@${digest}`}` : `${repository}:${tag}`,
    ...(timestamp === undefined ? {} : { time: timestamp }),
  };
  const eventId = derivedId("distribution", request.host, id);
  if (action === "delete") {
    return originate("dev.stowage.artifact.deleted.v1", eventId, { ...init, data: where });
  }
  if (action !== "push") return `action ${action} changes nothing`;
  if (mediaType === undefined || !isManifest(mediaType)) return `${mediaType ?? "a blob"} is no manifest`;
  if (tag === undefined) return "a manifest pushed by digest has no tag";
  const data = { ...where, mediaType, artifactKind: kindOf(references?.map((each) => each.mediaType) ?? []) };
  return originate("dev.stowage.artifact.pushed.v1", eventId, { ...init, data });
}

/** Known only where the registry includes references (`notifications.events.includereferences`). */
function kindOf(references: readonly string[]): "chart" | "image" | "unknown" {
  if (references.includes(mediaTypes.helmConfig)) return "chart";
  const isImage = references.some((type) => type === mediaTypes.ociConfig || type === mediaTypes.dockerConfig);
  return isImage ? "image" : "unknown";
}
