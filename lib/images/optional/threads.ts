import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import type { ChartPlace, InProcess } from "../../helm/index.ts";
import { openChartThreads, startChartThread, type WorkerPool } from "../../helm/render/chart-threads.ts";
import type { Answer, Question } from "./answer.ts";
import type { ExploreOptions } from "./explore.ts";

/**
 * Find the images of a chart on a thread of its own, so that several cores are used and none can be held for ever. Rendered
 * manifests never leave the thread: only findings do.
 *
 * @throws RejectedError CHART_UNRENDERABLE when it takes too long, or too much memory; the reason of an abort
 */
export async function findOnThread(
  chart: ChartPlace,
  { signal, ...options }: ExploreOptions,
  settings: InProcess,
): Promise<Answer> {
  const question: Question = { chart, options };
  const pool = poolOf(settings);
  if (pool !== undefined) return (await pool.run(question, signal)) as Answer;
  const { answer } = await import("./answer.ts");
  return answer(question);
}

const pools = new WeakMap<InProcess, { readonly pool: WorkerPool | undefined }>();

function poolOf(settings: InProcess): WorkerPool | undefined {
  let known = pools.get(settings);
  if (known === undefined) {
    known = { pool: openChartThreads(workerFile(), settings, prepared) };
    prepared = undefined;
    pools.set(settings, known);
  }
  return known.pool;
}

let prepared: Worker | undefined;

/**
 * Start a thread for the first pool, while the process still loads what finds out which charts there are. A command that
 * lists the images of one chart takes a fifth less time so.
 */
export function prepareThread(): void {
  const file = workerFile();
  if (file !== undefined) prepared ??= startChartThread(file);
}

/** The worker is a file of its own, beside this one as source, and beside the file this is built into. */
const workerFile = (): string | undefined =>
  ["worker.ts", "images-worker.mjs"].map((name) => join(import.meta.dirname, name)).find((file) => existsSync(file));
