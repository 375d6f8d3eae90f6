import { StowageError } from "../../errors.ts";
import { Refusal } from "./refusal.ts";

/** Why a thread could not render a chart, in plain objects: they keep their fields on the way between threads. */
export type ChartFailure = { readonly refused: string } | { readonly broken: string };

export function chartFailure(error: unknown): ChartFailure {
  if (error instanceof Refusal) return { refused: `Cannot render chart: ${error.message}` };
  if (error instanceof StowageError && error.disposition === "reject") return { refused: error.message };
  return { broken: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
