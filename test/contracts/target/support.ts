import { RejectedError, StowageError } from "../../../lib/errors.ts";
import type { Target } from "../../../lib/oci/content.ts";
import type { Piece } from "../image-fixture.ts";

export type Promised = (title: string, run: (target: Target) => Promise<void>) => void;

export const isUnknown = (error: unknown): boolean =>
  error instanceof RejectedError && error.code === "CONTENT_UNKNOWN";
export const isMismatch = (error: unknown): boolean =>
  error instanceof StowageError && error.code === "CONTENT_MISMATCH";

/** What `resolve` must say of a manifest. */
export const named = ({ descriptor: { mediaType, digest, size } }: Piece) => ({ mediaType, digest, size });
export const resolved = async (target: Target, reference: string) => {
  const { mediaType, digest, size } = await target.resolve(reference);
  return { mediaType, digest, size };
};
export const tagsOf = async (target: Target) => (await Array.fromAsync(target.tags())).sort();

/** An error and what caused it, to the bottom. */
export function causes(error: unknown): readonly unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [error];
}
