export type { Delivery } from "./authenticate.ts";
export { type Received, receive } from "./receive.ts";
export { openSource, type WebhookSource, webhookKinds } from "./source.ts";
