import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ChartPlace, InProcess, WorkerPool } from "../../helm/index.ts";
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
  const pool = await poolOf(settings);
  if (pool !== undefined) return (await pool.run(question, signal)) as Answer;
  const { answer } = await import("./answer.ts");
  return answer(question);
}

const pools = new WeakMap<InProcess, Promise<WorkerPool | undefined>>();

function poolOf(settings: InProcess): Promise<WorkerPool | undefined> {
  const pool = pools.get(settings) ?? openPool(settings);
  pools.set(settings, pool);
  return pool;
}

async function openPool(settings: InProcess): Promise<WorkerPool | undefined> {
  const { openChartThreads } = await import("../../helm/index.ts");
  return openChartThreads(workerFile(), settings);
}

/** The worker is a file of its own, beside this one as source, and beside the file this is built into. */
const workerFile = (): string | undefined =>
  ["worker.ts", "images-worker.mjs"].map((name) => join(import.meta.dirname, name)).find((file) => existsSync(file));
