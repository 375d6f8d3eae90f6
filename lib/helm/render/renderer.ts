import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { RejectedError } from "../../errors.ts";
import type { InProcess, Renderer } from "../renderer.ts";
import type { Answer, Question } from "./answer.ts";
import { openChartThreads } from "./chart-threads.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Moves with every change that can make the result another one: findings are cached under it. */
const VERSION = "stowage 4, renders as helm 4.1.4";

export interface RendererOptions {
  /** Threads that render; 0 renders on the caller's, with the budget as the only bound. Default: one for each core. */
  readonly threads?: number;
  /** Seconds that one chart may take on a thread. Default 60. */
  readonly timeLimit?: number;
  /** Renders charts at which this renderer itself breaks; undefined where there is nothing else that could. */
  readonly fallback?: () => Promise<Renderer | undefined>;
}

/**
 * Render charts without helm, exactly as helm 4.1.4 does: no program is started, no network, cluster, clock or environment
 * is seen, the same chart and values give the same bytes. What a chart may cost is bounded in work, output and time.
 */
export function openRenderer({
  threads = availableParallelism(),
  timeLimit = 60,
  fallback = async () => undefined,
}: RendererOptions = {}): Renderer {
  const inProcess: InProcess = { threads, timeLimit };
  const pool = openChartThreads(workerFile(), inProcess);
  return {
    version: VERSION,
    inProcess,
    async render(chart, { signal, ...options } = {}) {
      const question: Question = { chart, options };
      const answer = await answerOf(question, pool, signal);
      if ("templates" in answer) return answer.templates;
      if ("refused" in answer) throw new RejectedError("CHART_UNRENDERABLE", answer.refused);
      const other = await fallback();
      if (other !== undefined) return other.render(chart, { ...options, signal });
      throw new RejectedError("CHART_UNRENDERABLE", `Cannot render chart: the renderer failed: ${answer.broken}`);
    },
  };
}

/** What renders is loaded where it is done: threads have it, and who has threads does not need it. */
async function answerOf(question: Question, pool: WorkerPool | undefined, signal?: AbortSignal): Promise<Answer> {
  if (pool !== undefined) return (await pool.run(question, signal)) as Answer;
  const { answerTo } = await import("./answer.ts");
  return answerTo(question);
}

/** The worker is a file of its own, beside this one as source, and beside the file this is built into. */
function workerFile(): string | undefined {
  return ["worker.ts", "render-worker.mjs"]
    .map((name) => join(import.meta.dirname, name))
    .find((file) => existsSync(file));
}
