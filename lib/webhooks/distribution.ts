import * as z from "zod";
import { isManifest } from "../oci/index.ts";
import { type Finding, kindOfConfig } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import { description, instant, MAX_NOTIFICATIONS, problemsOf, readPayload, requireShape } from "./payload.ts";

const reference = z.object({ mediaType: description });
const notification = z.object({
  id: z.string().min(1).max(200),
  timestamp: instant,
  action: z.string(),
  target: z.object({
    mediaType: description,
    digest: z.string().optional(),
    repository: z.string(),
    tag: z.string().optional(),
    references: z.array(reference).optional().catch(undefined),
  }),
  request: z.object({ host: z.string() }).optional(),
});

const envelope = z.object({ events: z.array(z.unknown()).max(MAX_NOTIFICATIONS) });

/**
 * CNCF Distribution: envelopes of notifications, each with an id that is the same when it is sent again.
 *
 * The content type is v1 up to 2.8 and v2 since 3.0; the JSON is the same.
 *
 * @see https://distribution.github.io/distribution/about/notifications/
 */
export const distribution: WebhookKind = {
  title: "CNCF Distribution",
  // it signs nothing: static headers of its configuration are all it can send
  proof: { by: "header" },
  mediaTypes: ["v1", "v2"].map((version) => `application/vnd.docker.distribution.events.${version}+json`),
  read: (delivery) => requireShape(envelope, readPayload(delivery)).events.map(readNotification),
};

/**
 * One notification of the envelope.
 *
 * Pulls, mounts, blobs and manifests pushed by digest only (the children of an index) lead to nothing. Deleting a tag tells
 * the tag, deleting a manifest its digest, deleting a repository neither.
 */
export function readNotification(raw: unknown): Finding {
  const parsed = notification.safeParse(raw);
  if (!parsed.success) return problemsOf(parsed.error);
  const { id, timestamp, action, target, request } = parsed.data;
  const { repository, tag, digest, mediaType, references = [] } = target;
  const change = { id, host: request?.host, repository, tag, digest, time: timestamp };
  if (action === "delete") return { ...change, action: "deleted" };
  if (action !== "push") return `action "${action}" changes nothing`;
  if (mediaType === undefined || !isManifest(mediaType)) return `${mediaType ?? "a blob"} is no manifest`;
  // known only where the registry includes references (notifications.events.includereferences)
  const artifactKind = kindOfConfig(references.map((each) => each.mediaType));
  return { ...change, action: "pushed", mediaType, artifactKind };
}
