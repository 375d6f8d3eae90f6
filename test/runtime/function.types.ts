import { defineFunction, defineHttpFunction, defineSink } from "../../lib/runtime/index.ts";

// Compiled, never run: what must not compile says so with @ts-expect-error. `npm run check` fails when it does compile.

defineFunction({
  name: "data-is-known",
  on: ["dev.stowage.artifact.pushed.v1", "dev.stowage.index.updated.v1"],
  async run(event) {
    if (event.type === "dev.stowage.index.updated.v1") {
      const charts: number = event.data.charts;
      return void charts;
    }
    const repository: string = event.data.repository;
    // @ts-expect-error: a tag may be absent
    const tag: string = event.data.tag;
    // @ts-expect-error: index.updated alone has this
    event.data.charts;
    return void [repository, tag];
  },
});

defineFunction({
  name: "unknown-type",
  // @ts-expect-error: no such event in the catalogue
  on: ["dev.stowage.index.updatet.v1"],
  async run() {},
});

defineFunction({
  name: "replies",
  on: ["dev.stowage.bundle.requested.v1"],
  emits: ["dev.knative.sources.ping"],
  async run(_, { reply }) {
    // @ts-expect-error: it does not emit this
    reply("dev.stowage.artifact.deleted.v1", "s", { registry: "r", repository: "x" });
    // @ts-expect-error: the data is another event's
    reply("dev.knative.sources.ping", "s", { registry: "r" });
    return reply("dev.knative.sources.ping", "s", { task: "x" });
  },
});

defineFunction({
  name: "emits-nothing",
  on: ["dev.stowage.bundle.requested.v1"],
  async run(_, { reply }) {
    // @ts-expect-error: without emits there is nothing to reply
    reply("dev.knative.sources.ping", "s", { task: "x" });
  },
});

defineFunction({
  name: "returns-no-event",
  on: ["dev.stowage.bundle.requested.v1"],
  emits: ["dev.knative.sources.ping"],
  // @ts-expect-error: the answer is an event or nothing
  async run() {
    return { ok: true };
  },
});

defineFunction({
  name: "asks-for-ports",
  on: ["dev.stowage.bundle.requested.v1"],
  needs: ["store"],
  async run(event, { store, signal, ...rest }) {
    await store.put("key", event.id, { signal });
    // @ts-expect-error: it did not ask for this
    rest.registries;
    // @ts-expect-error: events are read-only
    event.id = "other";
  },
});

defineFunction({
  name: "asks-for-nonsense",
  on: ["dev.stowage.bundle.requested.v1"],
  // @ts-expect-error: there is no such port
  needs: ["database"],
  async run() {},
});

defineSink({
  name: "sink",
  needs: ["store"],
  async run(event) {
    // @ts-expect-error: what reaches a sink is of any form
    event.data.repository;
    const extensions: Readonly<Record<string, string>> = event.extensions;
    return void extensions;
  },
});

// @ts-expect-error: an HTTP function says where it is mounted
defineHttpFunction({ name: "web", needs: [], answer: async () => ({ status: 200 }) });

defineHttpFunction({
  name: "web",
  paths: ["/web"],
  needs: [],
  // @ts-expect-error: an answer has a status
  answer: async () => ({ body: "x" }),
});
