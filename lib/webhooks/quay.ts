import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { Finding } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import { hostOf, JSON_TYPE, MAX_NOTIFICATIONS, readPayload, requireShape } from "./payload.ts";

const notification = z.object({
  repository: z.string(),
  docker_url: z.string().optional(),
  updated_tags: z.array(z.unknown()).max(MAX_NOTIFICATIONS).optional(),
});

/**
 * Quay: a repository push names all its tags at once.
 *
 * Quay says neither when nor what was pushed, and gives no id: two pushes of one tag have the same body. So each delivery
 * counts as an occurrence of its own; a push that was taken for a repetition would be lost, a repetition that is taken for
 * a push only makes somebody look once more.
 *
 * @see https://docs.quay.io/guides/notifications.html
 */
export const quay: WebhookKind = {
  title: "Quay",
  // no signature, no headers (a client certificate ends at the proxy before us)
  proof: { by: "path" },
  mediaTypes: [JSON_TYPE],
  read(delivery): readonly Finding[] {
    const { repository, docker_url, updated_tags } = requireShape(notification, readPayload(delivery));
    if (updated_tags === undefined) return ["it is no repository push: there is no updated_tags"];
    const change = { id: randomUUID(), action: "pushed", repository, host: hostOf(docker_url) } as const;
    return updated_tags.map((tag) => (typeof tag === "string" ? { ...change, tag } : "a tag is no text"));
  },
};
