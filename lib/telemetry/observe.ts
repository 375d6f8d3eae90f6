import type { Ports } from "../ports.ts";
import type { Telemetry } from "../runtime/index.ts";
import { observePort } from "./ports.ts";
import type { Recorder } from "./recorder.ts";

const kinds = { event: "consumer", http: "server", origin: "producer" } as const;

/** What is seen of stowage, put into spans and measurements. */
export function observe(recorder: Recorder): Omit<Telemetry, "close"> {
  const observed = new WeakMap<object, unknown>();
  return {
    async during({ name, kind, trace, isOrigin, attributes, type }, work, endOf) {
      const span = recorder.root(name, { kind: kinds[kind], attributes, trace, isOrigin });
      const started = performance.now();
      recorder.measure("stowage.runs.active", 1, { function: name });
      let [status, code]: [number, string | undefined] = [500, "UNEXPECTED"];
      try {
        const done = await span.within(() => work(span.trace));
        ({ status, code } = { code: undefined, ...endOf(done) });
        return done;
      } finally {
        const outcome = { function: name, status };
        recorder.measure("stowage.runs.active", -1, { function: name });
        recorder.measure("stowage.runs", 1, { ...outcome, type, code });
        recorder.measure("stowage.run.duration", (performance.now() - started) / 1000, outcome);
        span.end({ "stowage.status": status }, code ?? (status >= 500 ? String(status) : undefined));
      }
    },
    observed<K extends keyof Ports>(name: K, port: Ports[K]): Ports[K] {
      if (typeof port !== "object" && typeof port !== "function") return port;
      if (!observed.has(port)) observed.set(port, observePort(name, port, recorder));
      return observed.get(port) as Ports[K];
    },
    queue: (state) =>
      recorder.watch(() => {
        const { depth, age } = state();
        return { "stowage.broker.queue.depth": depth, "stowage.broker.queue.age": age };
      }),
    deadLetter: (trigger) => recorder.measure("stowage.broker.dead_letters", 1, { trigger }),
  };
}
