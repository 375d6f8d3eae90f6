import { createHash, timingSafeEqual } from "node:crypto";
import type { SecretReference } from "../../config/index.ts";
import { RejectedError } from "../../errors.ts";

/** Who may read: with a user, by name and password (RFC 7617); without one, by a bearer token (RFC 6750). */
export interface ChartReader {
  readonly user?: string | undefined;
  readonly secret: SecretReference;
}

/**
 * Whether a request comes from one of the readers. Compared in constant time, over digests, and with every one of them: it
 * shows neither a length nor which users there are.
 *
 * @throws RejectedError CONFIG_INVALID when a secret cannot be had, or is empty: nobody is let in then
 */
export async function isReader(
  authorization: string | undefined,
  readers: readonly ChartReader[],
  secrets: (reference: SecretReference) => Promise<string>,
): Promise<boolean> {
  const given = digestOf(credentialsOf(authorization) ?? "");
  const known = await Promise.all(
    readers.map(async ({ user, secret }) => {
      const text = await secrets(secret);
      if (text === "") throw new RejectedError("CONFIG_INVALID", "Cannot serve charts: a reader's secret is empty");
      return digestOf(user === undefined ? `Bearer ${text}` : `Basic ${user}:${text}`);
    }),
  );
  return known.map((each) => timingSafeEqual(each, given)).includes(true);
}

/** How a client that is not let in could prove itself: `WWW-Authenticate` of the 401. */
export function challengeOf(readers: readonly ChartReader[]): string {
  const basic = readers.some(({ user }) => user !== undefined) ? ['Basic realm="charts", charset="UTF-8"'] : [];
  const bearer = readers.some(({ user }) => user === undefined) ? ['Bearer realm="charts"'] : [];
  return [...basic, ...bearer].join(", ");
}

/** The scheme as it is registered, and what it carries in plain. @returns undefined for what is neither of the two */
function credentialsOf(authorization = ""): string | undefined {
  const [, scheme = "", text = ""] = /^(Basic|Bearer) +([\w+/=.~-]+) *$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "basic") return `Basic ${Buffer.from(text, "base64").toString("utf8")}`;
  return scheme === "" ? undefined : `Bearer ${text}`;
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();
