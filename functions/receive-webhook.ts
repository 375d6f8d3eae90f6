import { RejectedError } from "../lib/errors.ts";
import { defineHttpFunction, type HttpResponse } from "../lib/runtime/index.ts";
import { readDistribution, requireSecret } from "../lib/webhooks/index.ts";

const ROUTE = /^\/hooks\/distribution\/?$/;

/** Turns what registries send into events. Answers only after the events are accepted: then the sender may forget them. */
export default defineHttpFunction({
  name: "receive-webhook",
  paths: ["/hooks"],
  emits: ["dev.stowage.artifact.pushed.v1", "dev.stowage.artifact.deleted.v1"],
  needs: ["config", "secrets", "publish"],

  async answer({ method, path, headers, body }, { config, secrets, publish, log, signal }): Promise<HttpResponse> {
    if (!ROUTE.test(path)) return refuse(404, "WEBHOOK_INVALID", `Cannot receive webhooks at "${path.slice(0, 100)}"`);
    if (method !== "POST") return refuse(405, "WEBHOOK_INVALID", `Cannot ${method} a webhook: it is posted`);
    const { distribution } = config.webhooks;
    if (distribution === undefined) {
      return refuse(404, "WEBHOOK_INVALID", "Cannot receive webhooks: webhooks.distribution is not configured");
    }
    try {
      requireSecret(headers.authorization, await secrets(distribution.secretFile));
      const { events, ignored } = readDistribution(headers["content-type"], body);
      await publish(events, signal);
      log.info({ events: events.length, ignored }, "received webhook");
      return { status: 202 };
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      log.warn({ code: error.code, reason: error.message }, "refused webhook");
      return refuse(error.code === "WEBHOOK_UNAUTHENTICATED" ? 401 : 400, error.code, error.message);
    }
  },
});

const refuse = (status: number, code: string, message: string): HttpResponse => ({
  status,
  headers: { "content-type": "application/json", ...(status === 401 ? { "www-authenticate": "Bearer" } : {}) },
  body: JSON.stringify({ code, message }),
});
