import type { Worker } from "node:worker_threads";
import { RejectedError } from "../../errors.ts";
import type { InProcess } from "../renderer.ts";
import { startWorker, WorkerPool } from "./worker-pool.ts";

export type { WorkerPool } from "./worker-pool.ts";

/** Megabytes of JavaScript objects that a chart may need. */
const MEMORY_LIMIT = 1024;

/** Start one of the threads of {@linkcode openChartThreads} before there are any: it takes its time. */
export const startChartThread = (file: string): Worker => startWorker(file, MEMORY_LIMIT);

/**
 * Threads for work on one chart at a time, each bounded in time and memory.
 *
 * @param file what a thread runs
 * @param started runs it already
 * @returns undefined where there are to be none
 */
export function openChartThreads(
  file: string | undefined,
  { threads, timeLimit }: InProcess,
  started?: Worker,
): WorkerPool | undefined {
  if (threads === 0 || file === undefined) return undefined;
  return new WorkerPool({
    file,
    size: threads,
    started,
    timeLimit: timeLimit * 1000,
    memoryLimit: MEMORY_LIMIT,
    refuse: (why, cause) => new RejectedError("CHART_UNRENDERABLE", `Cannot render chart: ${why}`, { cause }),
  });
}
