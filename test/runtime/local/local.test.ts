import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { originate } from "../../../lib/events/index.ts";
import { defineHttpFunction, defineSink, type HttpFunction } from "../../../lib/runtime/index.ts";
import { type FunctionTable, type LocalOptions, startLocal } from "../../../lib/runtime/local/index.ts";
import { newEvent, silent } from "../../contracts/host.ts";
import { collectTrigger } from "../../fixtures/collect-trigger.ts";

let directory: string;
let received: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stowage-local-"));
  received = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const collect = defineSink({ name: "collect", needs: [], run: async ({ id }) => void received.push(id) });
const web = (name: string, paths: readonly string[], answer?: HttpFunction<never, "publish">["answer"]) =>
  defineHttpFunction({
    name,
    paths,
    needs: ["publish"],
    answer: answer ?? (async ({ path }) => ({ status: 200, body: `${name} ${path}` })),
  });
const tableOf = (...functions: readonly { readonly name: string }[]): FunctionTable =>
  Object.fromEntries(functions.map((fn) => [fn.name, async () => ({ default: fn as never })]));

const start = async (more: Partial<LocalOptions> = {}) => {
  const host = await startLocal({
    functions: tableOf(collect),
    wiring: collectTrigger,
    directory,
    port: 0,
    log: silent,
    compose: (publish) => ({ log: silent, ports: async () => ({ publish }) as never }),
    ...more,
  });
  return { ...host, [Symbol.asyncDispose]: host.close };
};
const post = (url: string, body: string | Uint8Array, type = "application/cloudevents+json", headers = {}) =>
  fetch(url, { method: "POST", headers: { "content-type": type, ...headers }, body });

describe("the ingress", () => {
  test("takes events in every mode and answers 202 with nothing", async () => {
    await using host = await start();
    const binary = { "ce-specversion": "1.0", "ce-id": "binary", "ce-source": "/x", "ce-type": "t" };
    const batch = [newEvent({ id: "batch 1" }), newEvent({ id: "batch 2" })];
    for (const response of [
      await post(host.url, "{}", "application/json", binary),
      await post(host.url, JSON.stringify(newEvent({ id: "structured" }))),
      await post(host.url, JSON.stringify(batch), "application/cloudevents-batch+json"),
      await post(host.url, "[]", "application/cloudevents-batch+json"),
    ]) {
      assert.equal(response.status, 202);
      assert.equal(await response.text(), "");
    }
    await host.broker.idle();
    assert.deepEqual(received.sort(), ["batch 1", "batch 2", "binary", "structured"]);
  });

  test("an event that comes again runs once", async () => {
    await using host = await start();
    const event = JSON.stringify(newEvent({ id: "same" }));
    for (let time = 0; time < 3; time++) {
      assert.equal((await post(host.url, event)).status, 202);
      await host.broker.idle();
    }
    assert.deepEqual(received, ["same"]);
  });

  test("one bad event of a batch refuses the batch, and nothing of it runs", async () => {
    await using host = await start();
    const batch = JSON.stringify([newEvent(), newEvent({ source: "not a uri" })]);
    const response = await post(host.url, batch, "application/cloudevents-batch+json");
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { message: string }).message, /event 2 of 2/);
    await host.broker.idle();
    assert.deepEqual(received, []);
  });

  test("what is no event is refused with the reason, and the next one is taken", async () => {
    await using host = await start({ bodyLimit: 5000 });
    for (const [status, code, response] of [
      [400, "EVENT_MALFORMED", await post(host.url, "{")],
      [400, "EVENT_MALFORMED", await post(host.url, "x", "text/plain")],
      [413, "EVENT_TOO_LARGE", await post(host.url, "x".repeat(5001))],
      [415, "EVENT_MEDIA_TYPE", await post(host.url, "x", "application/cloudevents+protobuf")],
    ] as const) {
      assert.equal(response.status, status);
      assert.equal(((await response.json()) as { code: string }).code, code);
    }
    assert.equal((await post(host.url, JSON.stringify(newEvent()))).status, 202);
  });

  test("other methods and paths are told so; health is answered", async () => {
    await using host = await start();
    const wrong = await fetch(host.url);
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    assert.equal((await post(`${host.url}/elsewhere`, "{}")).status, 404);
    assert.equal((await fetch(`${host.url}/healthz`)).status, 200);
  });
});

describe("HTTP functions", () => {
  test("are mounted at their paths, the longest first", async () => {
    const functions = tableOf(collect, web("outer", ["/hooks"]), web("inner", ["/hooks/special", "/index.yaml"]));
    await using host = await start({ functions });
    const get = async (path: string): Promise<string> => (await fetch(host.url + path)).text();
    assert.equal(await get("/hooks/a"), "outer /hooks/a");
    assert.equal(await get("/hooks/special/a?b"), "inner /hooks/special/a");
    assert.equal(await get("/index.yaml"), "inner /index.yaml");
  });

  test("what they publish is in the broker before they answer", async () => {
    const data = { registry: "r", repository: "x" };
    const hook = web("hook", ["/hook"], async (_, { publish }) => {
      const init = { source: "/hook", subject: "x", data };
      await publish([originate("dev.stowage.artifact.deleted.v1", "published", init)]);
      return { status: 202 };
    });
    await using host = await start({ functions: tableOf(collect, hook) });
    assert.equal((await post(`${host.url}/hook`, "")).status, 202);
    await host.broker.idle();
    assert.deepEqual(received, ["published"]);
  });

  test("one that is mounted at / gets what nobody else wants, and leaves events to the broker", async () => {
    await using host = await start({ functions: tableOf(collect, web("hook", ["/hook"]), web("rest", ["/"])) });
    const get = async (path: string): Promise<string> => (await fetch(host.url + path)).text();
    assert.equal(await get("/"), "rest /");
    assert.equal(await get("/any/where"), "rest /any/where");
    assert.equal(await get("/hook"), "hook /hook");
    assert.equal((await post(host.url, JSON.stringify(newEvent()))).status, 202);
  });

  test("that want the same path, or one that is none, are an error at the start", async () => {
    for (const functions of [tableOf(collect, web("a", ["/x"]), web("b", ["/x"])), tableOf(collect, web("a", ["x"]))]) {
      await assert.rejects(start({ functions }), { code: "CONFIG_INVALID", message: /the path is taken/ });
    }
  });
});

test("a data directory belongs to one host at a time, and is free again after it", async () => {
  const first = await start();
  await assert.rejects(start(), { code: "DATA_IN_USE" });
  await first.close();
  await using _ = await start();
});

test("a start that fails leaves nothing behind", async () => {
  await using other = await start();
  const port = Number(new URL(other.url).port);
  const elsewhere = join(directory, "elsewhere");
  await assert.rejects(start({ port, directory: elsewhere }), { code: "CONFIG_INVALID" });
  await using _ = await start({ directory: elsewhere });
});
