import type { Delivery, Proof } from "./authenticate.ts";
import type { Finding } from "./change.ts";

/** One kind of sender: how it proves who it is, and how to read what it says. */
export interface WebhookKind {
  /** For people. */
  readonly title: string;
  readonly proof: Proof;
  /** Content types it is documented to send, in lower case. */
  readonly mediaTypes: readonly string[];
  /**
   * Read the notifications of an authenticated delivery, in their order.
   *
   * @throws RejectedError WEBHOOK_INVALID, EVENT_MALFORMED, EVENT_MEDIA_TYPE, EVENT_TOO_LARGE when it is no delivery of
   *   this sender at all. One bad notification among others is a finding.
   */
  readonly read: (delivery: Delivery) => readonly Finding[];
}
