import * as z from "zod";
import { isDigest } from "../oci/index.ts";
import type { Finding } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import {
  description,
  FORM_TYPE,
  hostOf,
  instant,
  JSON_TYPE,
  readPayload,
  requireHeader,
  requireShape,
} from "./payload.ts";

const header = (name: string): readonly string[] => [`x-gitea-${name}`, `x-forgejo-${name}`, `x-github-${name}`];

const notification = z.object({
  action: z.string(),
  package: z.object({
    owner: z.object({ login: z.string() }),
    type: z.string(),
    name: z.string(),
    /** Of containers: a tag, in lower case, or a digest. */
    version: z.string(),
    html_url: description,
    created_at: instant,
  }),
});
const actions: Readonly<Record<string, "pushed" | "deleted">> = { created: "pushed", deleted: "deleted" };

/**
 * Gitea and Forgejo: events of their package registry.
 *
 * @see https://docs.gitea.com/usage/webhooks
 */
export const gitea: WebhookKind = {
  title: "Gitea and Forgejo",
  proof: { by: "signature", headers: ["x-gitea-signature", "x-forgejo-signature", "x-hub-signature-256"] },
  mediaTypes: [JSON_TYPE, FORM_TYPE],
  read(delivery): readonly Finding[] {
    const id = requireHeader(delivery, header("delivery"));
    const event = requireHeader(delivery, header("event"));
    const payload = readPayload(delivery);
    if (event !== "package") return [`event "${event}" tells of no package`];
    const { action, package: found } = requireShape(notification, payload);
    if (found.type !== "container") return [`a package of type "${found.type}" lies outside the OCI registry`];
    const meaning = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (meaning === undefined) return [`action "${action}" changes nothing`];
    const named = isDigest(found.version) ? { digest: found.version } : { tag: found.version };
    // owners keep their capitals, repositories are lower case
    const repository = `${found.owner.login}/${found.name}`.toLowerCase();
    return [{ action: meaning, id, repository, ...named, host: hostOf(found.html_url), time: found.created_at }];
  },
};
