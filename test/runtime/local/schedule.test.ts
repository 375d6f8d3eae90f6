import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEvent, type WireEvent } from "../../../lib/events/index.ts";
import type { Log } from "../../../lib/runtime/index.ts";
import { pingEvent, startSchedules, tick } from "../../../lib/runtime/local/schedule.ts";
import { silent } from "../../contracts/host.ts";

const source = {
  name: "nightly",
  namespace: "releases",
  schedule: "* * * * * *",
  data: { task: "reindex" },
  extensions: { task: "reindex" },
};
const at = new Date("2026-11-21T05:00:00Z");

test("a tick's event is what a PingSource sends, and one a function understands", () => {
  const event = pingEvent(source, at);
  assert.deepEqual(
    { ...event, id: "" },
    {
      specversion: "1.0",
      id: "",
      source: "/apis/v1/namespaces/releases/pingsources/nightly",
      type: "dev.knative.sources.ping",
      time: "2026-11-21T05:00:00.000Z",
      datacontenttype: "application/json",
      extensions: { task: "reindex" },
      data: { task: "reindex" },
    },
  );
  assert.equal(parseEvent(event).type, "dev.knative.sources.ping");
});

test("the same tick has the same id, another tick or source another", () => {
  const { id } = pingEvent(source, at);
  assert.equal(pingEvent(source, new Date(at)).id, id);
  assert.notEqual(pingEvent(source, new Date(at.getTime() + 1000)).id, id);
  assert.notEqual(pingEvent({ ...source, name: "other" }, at).id, id);
});

test("a tick is skipped while the one before is not done", async () => {
  const accepted: WireEvent[] = [];
  let pending = true;
  const target = {
    hasPending: (name: string) => pending && name === "/apis/v1/namespaces/releases/pingsources/nightly",
    accept: async (events: readonly WireEvent[]) => void accepted.push(...events),
  };
  await tick(source, at, target, silent);
  assert.equal(accepted.length, 0);
  pending = false;
  await tick(source, at, target, silent);
  assert.equal(accepted.length, 1);
});

test("a tick that cannot be accepted is reported, and the next one comes", async () => {
  const errors: string[] = [];
  const log: Log = { ...silent, error: (_, message) => void errors.push(message) };
  const target = {
    hasPending: () => false,
    accept: async () => {
      throw new Error("disk full");
    },
  };
  await tick(source, at, target, log);
  assert.deepEqual(errors, ["lost a tick"]);
});

test("a schedule ticks until it is stopped", async () => {
  const ticked = Promise.withResolvers<WireEvent>();
  const target = { hasPending: () => false, accept: async ([event]: readonly WireEvent[]) => ticked.resolve(event!) };
  const stop = startSchedules([source], target, silent);
  const { time } = await ticked.promise;
  stop();
  assert.match(time ?? "", /\.000Z$/);
});
