import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { RejectedError } from "../../lib/errors.ts";
import { decode, fromStructured, type WireEvent } from "../../lib/events/index.ts";
import { redelivers } from "../../lib/runtime/delivery.ts";
import { type Deps, defineSink, type Failure, invoke, type Log } from "../../lib/runtime/index.ts";
import { runJob } from "../../lib/runtime/job.ts";
import { serveFunction } from "../../lib/runtime/knative.ts";
import { parseTriggers, startLocal } from "../../lib/runtime/local/index.ts";
import { type Conclusion, RETRIES, type StartHost, silent, testHost } from "../contracts/host.ts";

/** Redelivers as a broker does. `attempt` says how one delivery ended. */
async function redeliver(
  attempt: () => Promise<{ readonly status: number; readonly replies: readonly string[]; readonly failure?: Failure }>,
): Promise<Conclusion> {
  for (let attempts = 0; ; attempts++) {
    const { status, replies, failure } = await attempt();
    if (failure === undefined) return { replies };
    if (redelivers(status) && attempts < RETRIES) continue;
    return { replies, failed: { how: redelivers(status) ? "exhausted" : "rejected", code: failure.code } };
  }
}

const post = (url: string, event: object, signal: AbortSignal): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json" },
    body: JSON.stringify(event),
    signal,
  });

const replyOf = async (response: Response): Promise<readonly string[]> => {
  if (response.status !== 200) return [];
  const body = new Uint8Array(await response.arrayBuffer());
  return decode({ headers: Object.fromEntries(response.headers), body }).map(({ id }) => id);
};

const knative: StartHost = async (fn, deps) => {
  const serve = () => serveFunction(fn, deps, { port: 0, host: "127.0.0.1" });
  let served = await serve();
  const caller = new AbortController();
  return {
    deliver: (event) =>
      redeliver(async () => {
        const response = await post(served.url, event, caller.signal);
        const replies = await replyOf(response.clone());
        return response.ok
          ? { status: response.status, replies }
          : { status: response.status, replies, failure: (await response.json()) as Failure };
      }),
    terminate: async () => {
      await served.drain();
      served = await serve();
    },
    hangUp: () => caller.abort(),
    [Symbol.asyncDispose]: () => served.drain(),
  };
};

/** What a user at the command line does: `stowage run`, and again after a failure that may pass. */
const direct: StartHost = async (fn, deps) => {
  let stop = new AbortController();
  return {
    deliver: (event) =>
      redeliver(async () => {
        let wire: WireEvent;
        try {
          wire = fromStructured(event);
        } catch (error) {
          if (!(error instanceof RejectedError)) throw error;
          return { status: 422, replies: [], failure: error };
        }
        const { status, reply, failure } = await invoke(fn, wire, deps, stop.signal);
        return { status, replies: reply ? [reply.id] : [], ...(failure && { failure }) };
      }),
    terminate: async () => {
      const stopped = stop;
      stop = new AbortController();
      stopped.abort(new Error("stopped by SIGTERM"));
    },
    hangUp: () => stop.abort(new Error("interrupted")),
    async [Symbol.asyncDispose]() {},
  };
};

/** A Job of Kubernetes, with a real file and a real sink; its exit status says what Kubernetes does next. */
const job: StartHost = async (fn, deps) => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-job-"));
  const posted: string[] = [];
  const sink = createServer(async (request, response) => {
    const body = await buffer(request);
    const events = decode({ headers: request.headers, body });
    posted.push(...events.filter(({ type }) => type !== "dev.stowage.run.failed.v1").map(({ id }) => id));
    response.writeHead(202).end();
  });
  await once(sink.listen(0, "127.0.0.1"), "listening");
  let stop = new AbortController();
  return {
    deliver: async (event) => {
      const eventFile = join(directory, "event");
      await writeFile(eventFile, JSON.stringify(event));
      const codes = lastCode(deps);
      const before = posted.length;
      return redeliver(async () => {
        const url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
        const status = await runJob(fn, codes.deps, { eventFile, sink: url, signal: stop.signal });
        const replies = posted.slice(before);
        if (status === 0) return { status: 200, replies };
        return { status: status === 3 ? 422 : 500, replies, failure: { code: codes.last(), message: "" } };
      });
    },
    terminate: async () => {
      const stopped = stop;
      stop = new AbortController();
      stopped.abort(new Error("stopped by SIGTERM"));
    },
    hangUp: () => {},
    async [Symbol.asyncDispose]() {
      sink.close();
      sink.closeAllConnections();
      await rm(directory, { recursive: true });
    },
  };
};

/** Why a Job failed; its log says it also when the sink cannot be told. */
function lastCode(deps: Deps): { readonly deps: Deps; readonly last: () => string } {
  let code = "";
  const note = (fields: { code?: string; err?: { code?: string } }): void => {
    code = fields.code ?? fields.err?.code ?? code;
  };
  const log: Log = { ...silent, warn: note, error: note, child: () => log };
  return { deps: { ...deps, log }, last: () => code };
}

const local: StartHost = async (fn, deps) => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-local-"));
  const replies: string[] = [];
  const buried: Conclusion["failed"][] = [];
  const collect = defineSink({ name: "collect", needs: [], run: async ({ id }) => void replies.push(id) });
  const bury = defineSink({
    name: "bury",
    needs: [],
    run: async ({ extensions: { knativeerrorcode, knativeerrordata = "" } }) => {
      const { code } = JSON.parse(Buffer.from(knativeerrordata, "base64").toString()) as Failure;
      buried.push({ how: redelivers(Number(knativeerrorcode)) ? "exhausted" : "rejected", code });
    },
  });
  const start = () =>
    startLocal({
      functions: {
        [fn.name]: async () => ({ default: fn }),
        collect: async () => ({ default: collect }),
        bury: async () => ({ default: bury }),
      },
      wiring: parseTriggers([{ name: "test.yaml", text: TRIGGERS }]),
      directory,
      port: 0,
      log: silent,
      compose: () => deps,
    });
  let host = await start();
  let restarted: Promise<void> | undefined;
  return {
    deliver: async (event) => {
      const response = await post(`${host.url}/`, event, AbortSignal.timeout(10_000));
      if (response.status !== 202) {
        return { replies: [], failed: { how: "rejected", code: ((await response.json()) as Failure).code } };
      }
      await host.broker.idle();
      await restarted;
      const failed = buried.splice(0)[0];
      return { replies: replies.splice(0), ...(failed && { failed }) };
    },
    terminate: () => {
      restarted = host.close().then(async () => {
        host = await start();
        // what the first had to leave behind
        await host.broker.idle();
      });
      return restarted;
    },
    hangUp: () => {},
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(directory, { recursive: true });
    },
  };
};

const TRIGGERS = `
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: subject }
spec:
  broker: test
  filters: [{ not: { exact: { type: dev.knative.sources.ping } } }]
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: subject } }
  delivery:
    retry: ${RETRIES}
    backoffPolicy: exponential
    backoffDelay: PT0.001S
    deadLetterSink: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: bury } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: collect }
spec:
  broker: test
  filters: [{ exact: { type: dev.knative.sources.ping } }]
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: collect } }
`;

testHost("knative", knative);
testHost("a direct call", direct);
testHost("a job", job, {
  "a run is aborted when its sender hangs up": "a Job has no sender that waits",
});
testHost("the local host", local, {
  "a run is aborted when its sender hangs up": "an event that was accepted outlives its sender",
});
