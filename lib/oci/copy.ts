import type { Source, Target } from "./content.ts";
import { type CopyOptions, type CopyResult, createTransfer } from "./transfer.ts";

export type { CopyOptions, CopyResult } from "./transfer.ts";

/** Copy one thing, as {@linkcode Transfer.copy} says. Who copies several of them should use one transfer for all. */
export const copy = (source: Source, reference: string, target: Target, options?: CopyOptions): Promise<CopyResult> =>
  createTransfer().copy(source, reference, target, options);
