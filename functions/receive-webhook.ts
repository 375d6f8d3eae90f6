import { RejectedError } from "../lib/errors.ts";
import { defineHttpFunction, type HttpResponse } from "../lib/runtime/index.ts";
import { openSource, receive, type WebhookSource } from "../lib/webhooks/index.ts";

const ROUTE = /^\/hooks\/([a-z0-9-]+)(?:\/([^/]+))?\/?$/;
/** More would only make an answer long that nobody reads. */
const MAX_REASONS = 50;

/** Turns what registries send into events. Answers only after the events are accepted: then the sender may forget them. */
export default defineHttpFunction({
  name: "receive-webhook",
  paths: ["/hooks"],
  emits: ["dev.stowage.artifact.pushed.v1", "dev.stowage.artifact.deleted.v1"],
  needs: ["config", "secrets", "publish"],

  async answer({ method, path, headers, body }, { config, secrets, publish, log, signal }): Promise<HttpResponse> {
    const [, name = "", pathSecret] = ROUTE.exec(path) ?? [];
    const source = openSource(config, name);
    if (source === undefined || (pathSecret !== undefined && source.kind.proof.by !== "path")) {
      return refuse(404, "WEBHOOK_INVALID", "Cannot receive webhooks here: there is no such source");
    }
    if (method !== "POST") {
      return refuse(405, "WEBHOOK_INVALID", `Cannot ${method} a webhook: it is posted`, { allow: "POST" });
    }
    try {
      const known = await Promise.all(source.secrets.map(secrets));
      const { events, ignored } = receive(source, { headers, body, pathSecret }, known);
      if (events.length > 0) await publish(events, signal);
      const reasons = ignored.slice(0, MAX_REASONS);
      log.info({ source: name, events: events.length, ignored: ignored.length, reasons }, "received webhook");
      return json(202, { accepted: events.length, ignored: ignored.length, reasons });
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      log.warn({ source: name, code: error.code, reason: error.message }, "refused webhook");
      return refusalOf(error, source);
    }
  },
});

/** Who has not proved anything learns nothing but that, and nobody learns what is wrong with our configuration. */
function refusalOf({ code, message }: RejectedError, { kind }: WebhookSource): HttpResponse {
  switch (code) {
    case "WEBHOOK_UNAUTHENTICATED":
      return kind.proof.by === "header"
        ? refuse(401, code, "Cannot accept webhook", { "www-authenticate": "Bearer" })
        : refuse(403, code, "Cannot accept webhook");
    case "WEBHOOK_MEDIA_TYPE":
      return refuse(415, code, message);
    case "WEBHOOK_INVALID":
      return refuse(400, code, message);
    default:
      return refuse(503, code, "Cannot accept webhooks now");
  }
}

const refuse = (status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) =>
  json(status, { code, message }, headers);

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): HttpResponse => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
