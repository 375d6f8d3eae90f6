import type { Readable, Writable } from "node:stream";
import type { Environment } from "../config/index.ts";
import type { AnyFunction, Log } from "../runtime/index.ts";

/** What the process around the command line gives it; tests give their own. */
export interface Surroundings {
  readonly env: Environment;
  readonly stdin: Readable;
  /** Results. */
  readonly stdout: Writable;
  /** Progress, logs and the reason of a failure. */
  readonly stderr: Writable;
  /** Opened when something asks for it: most commands have nothing to log. */
  readonly log: () => Promise<Log>;
  readonly functions: Readonly<Record<string, () => Promise<{ readonly default: AnyFunction }>>>;
  /** Directory of the trigger files. */
  readonly triggers: string;
  /** Told when a verb is loaded, before it begins. */
  readonly onLoaded?: () => void;
  /** Aborted when the user or the system wants the command to end. */
  readonly signal: AbortSignal;
}

/** One verb of the command line. @returns the exit status: 0 done, 1 incomplete */
export type Verb = (args: readonly string[], surroundings: Surroundings) => Promise<0 | 1>;

/** Write a result. Resolves when the reader has room for more. */
export function print({ stdout }: Pick<Surroundings, "stdout">, text: string): Promise<void> {
  return new Promise((resolve, reject) => stdout.write(text, (error) => (error ? reject(error) : resolve())));
}
