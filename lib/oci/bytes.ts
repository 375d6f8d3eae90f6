import type { Bytes } from "./content.ts";

/** Bytes at hand as a stream. */
export async function* streamOf(bytes: Uint8Array): Bytes {
  if (bytes.byteLength > 0) yield bytes;
}
