import { StowageError } from "../../errors.ts";

/** Why a chart, its values or what it puts out cannot be used, as helm would refuse it. Its message is the reason only. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/**
 * Run something and say where, if it refuses what it was given: by a `Refusal`, or by an error of a reader below.
 *
 * @throws Refusal; bugs pass as they are
 */
export function refusing<T>(where: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw refusalOf(error, where);
  }
}

/** @returns the refusal, with the place before its reason; a bug as it is */
export function refusalOf(error: unknown, where?: string): unknown {
  if (!(error instanceof Refusal || (error instanceof StowageError && error.disposition === "reject"))) return error;
  return where === undefined && error instanceof Refusal
    ? error
    : new Refusal(where === undefined ? error.message : `${where}: ${error.message}`, { cause: error });
}
