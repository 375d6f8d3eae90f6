import type { CallContext } from "../function-table.ts";

/** Counts the characters of a text that is about to be made. */
export const spendText = (context: CallContext, length: number): void => context.spend(Math.ceil(length / 16));
