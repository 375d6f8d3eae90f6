import { RejectedError } from "../errors.ts";
import { authenticate, type Delivery } from "./authenticate.ts";
import { type ArtifactEvent, type Finding, toEvent } from "./change.ts";
import { mediaTypeOf } from "./payload.ts";
import type { WebhookSource } from "./source.ts";

/** What came of a delivery. */
export interface Received {
  /** In the order of the notifications, each once. */
  readonly events: readonly ArtifactEvent[];
  /** Why notifications led to no event: `notification 2: …`, short. */
  readonly ignored: readonly string[];
}

/**
 * Turn a webhook delivery into events: one for each tag that was written, and for each tag, manifest or repository that was
 * deleted.
 *
 * The sender is authenticated before anything is parsed. The same delivery gives events with the same ids again, from every
 * sender that says which occurrence it means. A notification never decides which host is looked at: events name the
 * registry that the source stands for. No URL of a body is ever used.
 *
 * @param secrets the values of the source's secrets
 * @throws RejectedError WEBHOOK_UNAUTHENTICATED, WEBHOOK_MEDIA_TYPE, WEBHOOK_INVALID, CONFIG_INVALID
 */
export function receive(source: WebhookSource, delivery: Delivery, secrets: readonly string[]): Received {
  const { kind } = source;
  authenticate(kind.proof, delivery, secrets);
  const mediaType = mediaTypeOf(delivery);
  if (!kind.mediaTypes.includes(mediaType)) {
    throw new RejectedError(
      "WEBHOOK_MEDIA_TYPE",
      `Cannot read notification of content type "${mediaType.slice(0, 100)}": ${kind.title} sends ${kind.mediaTypes.join(" or ")}`,
    );
  }
  const events = new Map<string, ArtifactEvent>();
  const ignored: string[] = [];
  for (const [index, finding] of read(source, delivery).entries()) {
    const result = resultOf(source, finding);
    if (typeof result === "string") ignored.push(`notification ${index + 1}: ${clip(result)}`);
    else events.set(result.id, result);
  }
  return { events: [...events.values()], ignored };
}

/** What any reader of JSON or CloudEvents refuses is a body that its sender is not documented to send. */
function read({ kind }: WebhookSource, delivery: Delivery): readonly Finding[] {
  try {
    return kind.read(delivery);
  } catch (error) {
    if (!(error instanceof RejectedError) || error.code === "WEBHOOK_INVALID") throw error;
    throw new RejectedError("WEBHOOK_INVALID", error.message, { cause: error });
  }
}

function resultOf(source: WebhookSource, finding: Finding): ArtifactEvent | string {
  if (typeof finding === "string") return finding;
  const registry = source.registryOf(finding.host);
  return registry === undefined
    ? `this webhook does not stand for the registry "${finding.host ?? ""}"`
    : toEvent(finding, source.name, registry);
}

const clip = (reason: string): string => (reason.length <= 200 ? reason : `${reason.slice(0, 199)}…`);
