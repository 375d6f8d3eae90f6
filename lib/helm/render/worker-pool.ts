import { Worker } from "node:worker_threads";

export interface PoolOptions {
  readonly file: string;
  /** Most workers at a time. Each is started when there is work that no other one is free for. */
  readonly size: number;
  /** One of them that was started already, by {@linkcode startWorker}. */
  readonly started?: Worker | undefined;
  /** Milliseconds a job may take before its worker is ended. */
  readonly timeLimit: number;
  /** Megabytes of JavaScript objects a worker may hold before it is ended. */
  readonly memoryLimit: number;
  /** What a job fails with whose worker was ended. */
  readonly refuse: (why: string, cause?: unknown) => Error;
}

/**
 * Most megabytes for new objects, three times 8: what one job leaves behind mostly fits, and is gone before it is taken for
 * lasting. Threads of what bin/ starts begin with as much (bin/young-generation.ts).
 */
const youngGeneration = 24;

interface Job {
  readonly message: unknown;
  readonly signal: AbortSignal | undefined;
  readonly settle: PromiseWithResolvers<unknown>;
}

/** Start a worker for a pool with the same file and limit. It does not keep the process alive. */
export function startWorker(file: string, memoryLimit: number): Worker {
  // flags of the process are not for its threads: `--eval` and the like would be refused there
  const resourceLimits = { maxOldGenerationSizeMb: memoryLimit, maxYoungGenerationSizeMb: youngGeneration };
  const worker = new Worker(file, { execArgv: [], resourceLimits });
  worker.unref();
  return worker;
}

/**
 * Workers that answer one message at a time. Work that hangs is ended from outside, with its worker, and harms no other.
 * Idle workers do not keep the process alive.
 */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #waiting: Job[] = [];
  readonly #idle: Worker[] = [];
  #running = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    if (options.started !== undefined) this.#idle.push(options.started);
  }

  /** @returns what the worker answers @throws what `refuse` makes of a worker's end; the reason of an abort */
  async run(message: unknown, signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    const settle = Promise.withResolvers<unknown>();
    const job = { message, signal, settle };
    const drop = (): void => {
      const at = this.#waiting.indexOf(job);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      settle.reject(signal!.reason);
    };
    signal?.addEventListener("abort", drop, { once: true });
    this.#waiting.push(job);
    this.#next();
    try {
      return await settle.promise;
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#running < this.#options.size) {
      this.#running++;
      const { file, memoryLimit } = this.#options;
      void this.#work(this.#idle.pop() ?? startWorker(file, memoryLimit), this.#waiting.shift()!);
    }
  }

  async #work(worker: Worker, { message, signal, settle }: Job): Promise<void> {
    const { timeLimit, refuse } = this.#options;
    const ended = Promise.withResolvers<never>();
    const end = (reason: unknown): void => {
      ended.reject(reason);
      void worker.terminate();
    };
    const abort = (): void => end(signal!.reason);
    const timer = setTimeout(() => end(refuse(`it took more than ${timeLimit / 1000} seconds`)), timeLimit);
    const answered = Promise.withResolvers<unknown>();
    const fail = (error: unknown): void => ended.reject(refuse("its worker ended", error));
    signal?.addEventListener("abort", abort, { once: true });
    worker.once("message", answered.resolve);
    worker.once("error", fail);
    worker.once("exit", fail);
    worker.ref();
    worker.postMessage(message);
    try {
      settle.resolve(await Promise.race([answered.promise, ended.promise]));
      worker.unref();
      this.#idle.push(worker);
    } catch (error) {
      settle.reject(error);
      void worker.terminate();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      worker.off("message", answered.resolve).off("error", fail).off("exit", fail);
      this.#running--;
      this.#next();
    }
  }
}
