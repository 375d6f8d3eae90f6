import * as z from "zod";
import type { Finding } from "./change.ts";
import { readNotification } from "./distribution.ts";
import type { WebhookKind } from "./kind.ts";
import { JSON_TYPE, readPayload, requireShape } from "./payload.ts";

const LEGACY = "charts of az acr helm lie outside the OCI registry; a chart pushed with helm push is an ordinary push";
const without: Readonly<Record<string, string>> = {
  ping: "a ping says that the webhook is set up",
  chart_push: LEGACY,
  chart_delete: LEGACY,
  quarantine: "an artifact in quarantine cannot be pulled; its release is a push",
};

const action = z.object({ action: z.string() });

/**
 * Azure Container Registry: one notification of CNCF Distribution's form without an envelope. A tag that is deleted alone is
 * not told; deleting a manifest tells its digest.
 *
 * @see https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
 */
export const azure: WebhookKind = {
  title: "Azure Container Registry",
  proof: { by: "header" },
  mediaTypes: [JSON_TYPE],
  read(delivery): readonly Finding[] {
    const payload = readPayload(delivery);
    const said = requireShape(action, payload).action;
    return [Object.hasOwn(without, said) ? `${said}: ${without[said]}` : readNotification(payload)];
  },
};
