import { RejectedError } from "../errors.ts";

/** A content digest: `sha256:` and 64 lower-case hex digits. The only algorithm stowage writes or accepts. */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[a-f0-9]{64}$/;

export const isDigest = (text: string): text is Digest => DIGEST.test(text);

/** @throws RejectedError DIGEST_INVALID */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new RejectedError("DIGEST_INVALID", `Cannot read digest "${text.slice(0, 100)}"`);
  return text;
}

/** The hex part, as file names and chart indexes carry it. */
export const hexOf = (digest: Digest): string => digest.slice("sha256:".length);
