import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ran, type StowageProcess, startStowage } from "../../examples/stowage-process.ts";

export interface Running extends StowageProcess {
  readonly data: string;
  /** Every run of a function so far. */
  readonly runs: readonly Ran[];
  /** Resolves with the first run, past or future, that is wanted. */
  ran(wanted: (ran: Ran) => boolean): Promise<Ran>;
}

export interface RunOptions {
  readonly data?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** `stowage up` as a process of its own, over `data` or a directory that is removed with it. */
export async function runStowage(options: RunOptions = {}): Promise<Running> {
  const own = options.data === undefined;
  const data = options.data ?? (await mkdtemp(join(tmpdir(), "stowage-e2e-")));
  const runs: Ran[] = [];
  const waiting = new Set<{ wanted: (ran: Ran) => boolean; resolve: (ran: Ran) => void }>();
  const process = await startStowage(
    ["--data", data, ...(options.args ?? [])],
    (ran) => {
      runs.push(ran);
      for (const each of waiting) {
        if (!each.wanted(ran)) continue;
        waiting.delete(each);
        each.resolve(ran);
      }
    },
    options.env,
  );
  return {
    ...process,
    data,
    runs,
    ran: (wanted) => {
      const past = runs.find(wanted);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve) => waiting.add({ wanted, resolve }));
    },
    async [Symbol.asyncDispose]() {
      await process[Symbol.asyncDispose]();
      if (own) await rm(data, { recursive: true, force: true });
    },
  };
}
