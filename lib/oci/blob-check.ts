import { createHash } from "node:crypto";
import type { Bytes } from "./content.ts";
import type { Digest } from "./descriptor.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";

/**
 * Read a blob to its end, whatever it is.
 *
 * @param size its bytes
 * @returns the digest it has, and its bytes where it may be a manifest: it is small enough and begins as JSON does
 */
export async function readBlob(body: Bytes, size: number): Promise<{ digest: Digest; manifest: Buffer | undefined }> {
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  let mayBeManifest = size <= MAX_MANIFEST_BYTES;
  for await (const chunk of body) {
    hash.update(chunk);
    // JSON begins with a brace, which no layer does
    if (chunks.length === 0 && chunk[0] !== 0x7b) mayBeManifest = false;
    if (mayBeManifest) chunks.push(Buffer.from(chunk));
  }
  return { digest: `sha256:${hash.digest("hex")}`, manifest: mayBeManifest ? Buffer.concat(chunks) : undefined };
}
