import { createHash, timingSafeEqual } from "node:crypto";
import { RejectedError } from "../errors.ts";

/**
 * Does the request carry the shared secret as `Authorization: Bearer <secret>` (or the bare secret)?
 *
 * Distribution signs nothing: a static header from its configuration is all it can send (`notifications.endpoints[].headers`,
 * https://distribution.github.io/distribution/about/notifications/). Compared in constant time, over digests, so that not
 * even the length shows.
 *
 * @throws RejectedError WEBHOOK_UNAUTHENTICATED
 */
export function requireSecret(authorization: string | undefined, secret: string): void {
  if (secret.length < 16) {
    throw new RejectedError(
      "WEBHOOK_UNAUTHENTICATED",
      "Cannot accept webhooks: the configured secret is shorter than 16 characters",
    );
  }
  const given = (authorization ?? "").replace(/^Bearer +/i, "");
  if (!timingSafeEqual(sha256(given), sha256(secret))) {
    throw new RejectedError(
      "WEBHOOK_UNAUTHENTICATED",
      "Cannot accept webhook: the Authorization header does not carry the shared secret",
    );
  }
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
