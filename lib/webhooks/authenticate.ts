import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { RejectedError } from "../errors.ts";

/**
 * How a sender can prove who it is; each offers only one way.
 *
 * `header`: the secret itself in `Authorization`: bare, as bearer token, or as the password of Basic. `path`: the secret as
 * last segment of the URL, for senders that set neither headers nor signatures. `signature`: HMAC-SHA256 of the body in
 * hex, in the first of these headers that is there, with or without `sha256=` before it.
 */
export type Proof =
  | { readonly by: "header" | "path" }
  | { readonly by: "signature"; readonly headers: readonly string[] };

/** A delivery before anything of it is believed. */
export interface Delivery {
  readonly headers: IncomingHttpHeaders;
  /** As the sender wrote it: signatures are over these bytes. */
  readonly body: Uint8Array;
  /** The last segment of the path where it may carry a secret, percent-encoded. */
  readonly pathSecret?: string | undefined;
}

const MIN_SECRET = 16;

/**
 * Does the delivery prove that its sender knows one of the secrets? There are two while one replaces the other.
 *
 * Compared in constant time, over digests, so that not even a length shows, and always with every secret.
 *
 * @throws RejectedError WEBHOOK_UNAUTHENTICATED; CONFIG_INVALID when there is no secret or a short one: nobody is let in then
 */
export function authenticate(proof: Proof, delivery: Delivery, secrets: readonly string[]): void {
  if (secrets.length === 0 || secrets.some((secret) => secret.length < MIN_SECRET)) {
    throw new RejectedError(
      "CONFIG_INVALID",
      `Cannot accept webhooks: a secret is missing or shorter than ${MIN_SECRET} characters`,
    );
  }
  if (secrets.map((secret) => proves(proof, delivery, secret)).includes(true)) return;
  throw new RejectedError(
    "WEBHOOK_UNAUTHENTICATED",
    `Cannot accept webhook: its ${proof.by} does not prove its sender`,
  );
}

function proves(proof: Proof, { headers, body, pathSecret = "" }: Delivery, secret: string): boolean {
  switch (proof.by) {
    case "header": {
      const { authorization = "" } = headers;
      const given = [authorization, authorization.replace(/^Bearer +/i, ""), passwordOf(authorization)];
      return given.map((each) => sameText(each, secret)).includes(true);
    }
    case "path":
      return sameText(percentDecoded(pathSecret), secret);
    case "signature":
      return isSignature(firstHeader(headers, proof.headers) ?? "", body, secret);
  }
}

function isSignature(given: string, body: Uint8Array, secret: string): boolean {
  const hex = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(given)?.[1];
  const expected = createHmac("sha256", secret).update(body).digest();
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, "hex"), expected);
}

/** The value of the first of these headers that is there. */
export function firstHeader(headers: IncomingHttpHeaders, names: readonly string[]): string | undefined {
  const value = names.map((name) => headers[name]).find((each) => each !== undefined);
  return typeof value === "string" ? value : undefined;
}

/** https://www.rfc-editor.org/rfc/rfc7617#section-2: empty when it is not Basic */
function passwordOf(authorization: string): string {
  const pair = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1] ?? "";
  return /^[^:]*:(.*)$/s.exec(Buffer.from(pair, "base64").toString("utf8"))?.[1] ?? "";
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

const sameText = (a: string, b: string): boolean => timingSafeEqual(sha256(a), sha256(b));
const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
