import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { type Event, fromStructured, originate, originTrace, parseTrace } from "../../lib/events/index.ts";
import {
  answer,
  beginning,
  type Deps,
  defineFunction,
  defineHttpFunction,
  defineSink,
  invoke,
  postEvent,
  type Telemetry,
  type Work,
} from "../../lib/runtime/index.ts";
import { functionOf, newEvent } from "../contracts/host.ts";
import { collectingLog } from "../functions/harness.ts";

const { signal } = new AbortController();
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const replying = functionOf(async (_, { reply }) => reply("dev.knative.sources.ping", "s", { task: "next" }));
const request = { method: "POST", path: "/", query: new URLSearchParams(), headers: {}, body: new Uint8Array() };
const ping = (id: string): Event =>
  originate("dev.knative.sources.ping", id, { source: "/test", subject: "s", data: { task: "x" } }) as Event;

function depsWith(more: Partial<Deps> = {}) {
  const log = collectingLog();
  const published: Event[] = [];
  const publish = async (events: readonly Event[]): Promise<void> => void published.push(...events);
  const deps: Deps = { log, ports: async () => ({ publish }) as never, ...more };
  return { deps, log, published };
}

/** Records nothing, but gives every run a span of its own. */
function observing() {
  const seen: Work[] = [];
  const telemetry: Telemetry = {
    during: (work, go) => {
      seen.push(work);
      return go({ ...work.trace, spanId: "5".repeat(16), sampled: true });
    },
    observed: (_, port) => port,
    queue() {},
    deadLetter() {},
    close: async () => {},
  };
  return { seen, telemetry };
}

describe("without telemetry", () => {
  test("every line of a run names event, function and trace", async () => {
    const { deps, log } = depsWith();
    const event = fromStructured(newEvent({ traceparent }));
    const talking = functionOf(async (_, context) => {
      (context as unknown as Deps).log.info({ step: 1 }, "working");
    });
    await invoke(talking, event, deps, signal);
    assert.deepEqual(
      log.lines.map(({ message, fields }) => [message, fields["event"], fields["function"], fields["trace"]]),
      [
        ["working", event.id, "subject", "0af7651916cd43dd8448eb211c80319c"],
        ["ran", event.id, "subject", "0af7651916cd43dd8448eb211c80319c"],
      ],
    );
  });

  test("a trace that came with the event goes on unchanged: nobody has added a span to it", async () => {
    const { deps } = depsWith();
    const { reply } = await invoke(
      replying,
      fromStructured(newEvent({ traceparent, tracestate: "a=1" })),
      deps,
      signal,
    );
    assert.deepEqual([reply?.extensions["traceparent"], reply?.extensions["tracestate"]], [traceparent, "a=1"]);
  });

  test("an event without a trace, or with one that is none, gets the same one at every delivery", async () => {
    const { deps } = depsWith();
    for (const more of [{}, { traceparent: "nonsense", tracestate: "a=1" }]) {
      const event = fromStructured(newEvent(more));
      const [one, two] = [await invoke(replying, event, deps, signal), await invoke(replying, event, deps, signal)];
      assert.deepEqual(parseTrace(one.reply!.extensions), originTrace(event));
      assert.equal(one.reply?.extensions["traceparent"], two.reply?.extensions["traceparent"]);
      assert.equal(one.reply?.extensions["tracestate"], undefined);
    }
  });

  test("a dead letter is buried as it came", async () => {
    const { deps } = depsWith();
    const seen: unknown[] = [];
    const sink = defineSink({ name: "sink", needs: [], run: async (event) => void seen.push(event) });
    const event = fromStructured(newEvent());
    await invoke(sink, event, deps, signal);
    assert.deepEqual(seen, [event]);
  });
});

test("what a run answers and publishes carries its own span, unless it is part of another trace already", async () => {
  const { seen, telemetry } = observing();
  const { deps, published } = depsWith({ telemetry });
  const other = "00-11111111111111111111111111111111-2222222222222222-00";
  const publishing = defineFunction({
    name: "publishing",
    on: ["dev.stowage.artifact.deleted.v1"],
    emits: ["dev.knative.sources.ping"],
    needs: ["publish"],
    run: async (_, { publish, reply }) => {
      const apart = { ...ping("2"), extensions: { traceparent: other } };
      const asCause = { ...ping("3"), extensions: { traceparent } };
      await publish([reply("dev.knative.sources.ping", "a", { task: "x" }), ping("1"), apart, asCause]);
      return reply("dev.knative.sources.ping", "b", { task: "x" });
    },
  });
  const { reply } = await invoke(publishing, fromStructured(newEvent({ traceparent })), deps, signal);
  const own = "00-0af7651916cd43dd8448eb211c80319c-5555555555555555-01";
  assert.deepEqual(
    [...published, reply!].map(({ extensions }) => extensions["traceparent"]),
    [own, own, other, own, own],
  );
  assert.deepEqual(
    [seen[0]?.name, seen[0]?.isOrigin, seen[0]?.type],
    ["publishing", false, "dev.stowage.artifact.deleted.v1"],
  );
});

test("a request's trace goes on in the events it leads to; without one they share a new one", async () => {
  const { deps, log, published } = depsWith();
  const hook = defineHttpFunction({
    name: "hook",
    paths: ["/"],
    needs: ["publish"],
    answer: async (_, { publish, log: own }) => {
      own.info({}, "received");
      await publish([ping("1"), ping("2")]);
      return { status: 202 };
    },
  });
  await answer(hook, { ...request, headers: { traceparent } }, deps, signal);
  assert.deepEqual(
    published.splice(0).map(({ extensions }) => extensions["traceparent"]),
    [traceparent, traceparent],
  );
  await answer(hook, request, deps, signal);
  const [one, two] = published.map(({ extensions }) => parseTrace(extensions));
  assert.deepEqual(one, two);
  assert.equal(one?.sampled, false);
  assert.equal(log.lines.at(-1)?.fields["trace"], one?.traceId);
});

test("an event that no event caused begins a trace where somebody looks on, and is left alone where nobody does", async () => {
  const { seen, telemetry } = observing();
  const event = ping("origin");
  const accepted: unknown[] = [];
  const accept = async (each: unknown): Promise<void> => void accepted.push(each);
  await beginning(undefined, event, accept);
  assert.deepEqual(accepted.splice(0), [event]);
  await beginning(telemetry, event, accept);
  const [{ extensions }] = accepted as [Event];
  assert.equal(extensions["traceparent"], `00-${originTrace(event).traceId}-5555555555555555-01`);
  assert.deepEqual([seen[0]?.kind, seen[0]?.isOrigin], ["origin", true]);
});

test("whoever posts an event says its trace to the sink as well, where it has one", async () => {
  const seen: IncomingHttpHeaders[] = [];
  const sink = createServer((incoming, response) => {
    seen.push(incoming.headers);
    incoming.resume().once("end", () => response.writeHead(202).end());
  });
  await once(sink.listen(0, "127.0.0.1"), "listening");
  try {
    const url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
    for (const more of [{ traceparent, tracestate: "a=1" }, {}, { traceparent: "nonsense" }]) {
      await postEvent(url, fromStructured(newEvent(more)), signal);
    }
    assert.deepEqual(
      seen.map((headers) => [headers["traceparent"], headers["tracestate"]]),
      [
        [traceparent, "a=1"],
        [undefined, undefined],
        [undefined, undefined],
      ],
    );
  } finally {
    sink.closeAllConnections();
    sink.close();
  }
});
