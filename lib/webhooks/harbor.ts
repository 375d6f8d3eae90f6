import * as z from "zod";
import { decode } from "../events/index.ts";
import { isDigest } from "../oci/index.ts";
import type { Delivery } from "./authenticate.ts";
import type { Finding } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import {
  CLOUD_EVENT_TYPE,
  hostOf,
  instant,
  instantOf,
  JSON_TYPE,
  MAX_NOTIFICATIONS,
  mediaTypeOf,
  problemsOf,
  readPayload,
  requireShape,
} from "./payload.ts";

/** Both payload formats of one notification, as one. */
interface Notification {
  readonly type: string;
  /** The same when it is sent again. */
  readonly id: string;
  readonly time: string | undefined;
  readonly data: unknown;
}

const SCAN = "a scan changes no artifact";
const QUOTA = "a quota changes no artifact";
const MUSEUM = "Harbor 2.8 removed ChartMuseum; a chart pushed with helm push oci:// is PUSH_ARTIFACT";
/** Every other type of https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/. */
const without: Readonly<Record<string, string>> = {
  PULL_ARTIFACT: "a pull changes nothing",
  SCANNING_COMPLETED: SCAN,
  SCANNING_FAILED: SCAN,
  SCANNING_STOPPED: SCAN,
  QUOTA_EXCEED: QUOTA,
  QUOTA_WARNING: QUOTA,
  REPLICATION: "what a replication pushes and deletes is told in notifications of its own",
  TAG_RETENTION: "it does not name the artifacts as events need; the next reconcile finds what retention deleted",
  UPLOAD_CHART: MUSEUM,
  PUSH_CHART: MUSEUM,
  DOWNLOAD_CHART: MUSEUM,
  DELETE_CHART: MUSEUM,
};

/** What the CloudEvents format calls the types. */
const names = new Map(
  Object.entries({
    "harbor.artifact.pushed": "PUSH_ARTIFACT",
    "harbor.artifact.deleted": "DELETE_ARTIFACT",
    "harbor.artifact.pulled": "PULL_ARTIFACT",
    "harbor.scan.completed": "SCANNING_COMPLETED",
    "harbor.scan.failed": "SCANNING_FAILED",
    "harbor.scan.stopped": "SCANNING_STOPPED",
    "harbor.quota.exceeded": "QUOTA_EXCEED",
    "harbor.quota.warned": "QUOTA_WARNING",
    "harbor.replication.status.changed": "REPLICATION",
    "harbor.tag_retention.finished": "TAG_RETENTION",
  }),
);

const payload = z.object({ type: z.string(), occur_at: z.int(), event_data: z.unknown() });
const artifacts = z.object({
  resources: z.array(z.unknown()).min(1).max(MAX_NOTIFICATIONS),
  repository: z.object({ repo_full_name: z.string() }),
});
const resource = z.object({ digest: z.string(), tag: z.string().optional(), resource_url: z.string().optional() });

/**
 * Harbor 2.8 and later, in the default payload format or as CloudEvents.
 *
 * A deletion is reported by digest: Harbor deletes an artifact with all its tags and names only the first. For an artifact
 * without tags, `tag` holds the digest. Retries repeat the body, so what it says of time and content makes the id.
 *
 * @see https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
 */
export const harbor: WebhookKind = {
  title: "Harbor",
  proof: { by: "header" },
  mediaTypes: [JSON_TYPE, CLOUD_EVENT_TYPE],
  read: (delivery) => readNotifications(delivery).flatMap(findingsOf),
};

function readNotifications(delivery: Delivery): readonly Notification[] {
  if (mediaTypeOf(delivery) === CLOUD_EVENT_TYPE) {
    return decode(delivery).map((event) => ({
      type: names.get(event.type) ?? event.type,
      id: event.id,
      time: instant.parse(event.time),
      data: event.data,
    }));
  }
  const { type, occur_at, event_data } = requireShape(payload, readPayload(delivery));
  return [{ type, id: String(occur_at), time: instantOf(occur_at * 1000), data: event_data }];
}

function findingsOf({ type, id, time, data }: Notification): readonly Finding[] {
  if (Object.hasOwn(without, type)) return [`${type}: ${without[type]}`];
  const pushed = type === "PUSH_ARTIFACT";
  if (!pushed && type !== "DELETE_ARTIFACT") return [`type "${type}" is not known to change artifacts`];
  const { resources, repository } = requireShape(artifacts, data);
  return resources.map((raw) => {
    const parsed = resource.safeParse(raw);
    if (!parsed.success) return problemsOf(parsed.error);
    const { digest, tag, resource_url } = parsed.data;
    const change = { id, time, repository: repository.repo_full_name, digest, host: hostOf(resource_url) };
    if (!pushed) return { ...change, action: "deleted" };
    return { ...change, action: "pushed", tag: tag === undefined || isDigest(tag) ? undefined : tag };
  });
}
