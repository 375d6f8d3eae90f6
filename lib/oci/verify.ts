import { createHash } from "node:crypto";
import { RejectedError, TransientError } from "../errors.ts";
import type { Bytes, PutOptions } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";

/**
 * Pass bytes on while checking them against their descriptor.
 *
 * More bytes than promised break the stream before the surplus is passed on; too few, or another digest, break it at the
 * end instead of ending it. A reader that saw the end has seen the right bytes. Too few may be a lost connection, so that
 * alone is worth another try.
 *
 * @param where who sent the bytes, for the message
 */
export async function* verified(bytes: Bytes, { digest, size }: Descriptor, where: string): Bytes {
  const hash = createHash("sha256");
  let seen = 0;
  const refuse = (why: string): never => {
    throw new RejectedError("CONTENT_MISMATCH", `Cannot take ${digest} from ${where}: ${why}`);
  };
  for await (const chunk of bytes) {
    seen += chunk.byteLength;
    if (seen > size) refuse(`more than the promised ${size} bytes`);
    hash.update(chunk);
    yield chunk;
  }
  if (seen < size) {
    throw new TransientError(
      "CONTENT_MISMATCH",
      `Cannot take ${digest} from ${where}: it ended after ${seen} of the promised ${size} bytes`,
    );
  }
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== digest) refuse(`the bytes have digest ${actual}`);
}

/** Pass bytes on while a hash takes note of them. */
export async function* observed(bytes: Bytes, hash: { update(chunk: Uint8Array): unknown }): Bytes {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

/**
 * The bytes that a target was given, checked by whoever has not done so yet: {@linkcode PutOptions.verified}. They are
 * opened when reading begins, so that who never begins has nothing to close.
 */
export async function* arriving(
  bytes: () => Promise<Bytes>,
  descriptor: Descriptor,
  { verified: isVerified }: Pick<PutOptions, "verified">,
): Bytes {
  const arrived = await bytes();
  yield* isVerified ? arrived : verified(arrived, descriptor, "its source");
}
