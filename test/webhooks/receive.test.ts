import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../lib/errors.ts";
import { fromStructured, parseEvent, toStructured } from "../../lib/events/index.ts";
import { type Delivery, receive, webhookKinds } from "../../lib/webhooks/index.ts";
import { brief, type Kind, proven, receiveSample, SECRET, sample, samplesOf, sourceOf } from "./deliveries.ts";

const kinds = Object.keys(webhookKinds) as readonly Kind[];
const samples = kinds.flatMap(samplesOf);
const telling = samples.filter((name) => receiveSample(name).events.length > 0);
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test("every kind has a sample that leads to events", () => {
  assert.deepEqual(new Set(telling.map((name) => name.split("/", 1)[0])), new Set(kinds));
});

test("every event of every sample is one that brokers carry and functions take", () => {
  for (const event of telling.flatMap((name) => receiveSample(name).events)) {
    assert.deepEqual(parseEvent(fromStructured(toStructured(event))).data, event.data);
  }
});

test("a replay gives the same ids; only Quay cannot tell one from another push", () => {
  const ids = (name: string) => receiveSample(name).events.map(({ id }) => id);
  for (const name of telling.filter((each) => !each.startsWith("quay/"))) assert.deepEqual(ids(name), ids(name), name);
});

test("no two samples share an event's id", () => {
  const ids = telling.flatMap((name) => receiveSample(name).events.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
});

test("events name the registry of the source, never the host that a notification names", () => {
  for (const name of telling) {
    const { events } = receiveSample(name, { settings: { registry: "inner.example", aliases: ["registry.example"] } });
    assert.ok(events.length > 0, name);
    for (const event of events) assert.equal(event.data.registry, "inner.example");
  }
});

test("a notification about another registry leads to no event", () => {
  // zot and Alibaba Cloud do not say which registry they are
  for (const name of telling.filter((each) => !/^(zot|aliyun)\//.test(each))) {
    const { events, ignored } = receiveSample(name, { settings: { registry: "inner.example" } });
    assert.deepEqual(events, [], name);
    assert.match(ignored.join(), /does not stand for the registry "registry\.example"/);
  }
});

test("content types a sender is not documented to send are refused, parameters and capitals are not", () => {
  for (const name of telling) {
    const { headers } = sample(name);
    const type = headers["content-type"]!;
    for (const wrong of [
      "",
      "text/html",
      "application/vnd.example+json",
      `${type}x`,
      "application/cloudevents-batch+json",
    ]) {
      assert.throws(() => receiveSample(name, { headers: { "content-type": wrong } }), { code: "WEBHOOK_MEDIA_TYPE" });
    }
    receiveSample(name, { headers: { "content-type": `${type.toUpperCase()} ; charset=UTF-8` } });
  }
});

for (const [what, body] of [
  ["no body", Buffer.alloc(0)],
  ["no JSON", Buffer.from("{")],
  ["no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ["a list", bytesOf([])],
  ["null", bytesOf(null)],
  ["100,000 levels", Buffer.from("[".repeat(100_000) + "]".repeat(100_000))],
  ["100 levels in a field nobody reads", Buffer.from(`{"events":[],"x":${"[".repeat(100)}${"]".repeat(100)}}`)],
] as const) {
  test(`${what} is refused as a whole, by every kind`, () => {
    for (const name of telling) assert.throws(() => receiveSample(name, { body }), { code: "WEBHOOK_INVALID" }, name);
  });
}

test("a delivery that was cut short is refused, wherever it was cut", () => {
  for (const name of telling) {
    const whole = bytesOf(sample(name).body);
    for (let length = 0; length < whole.length; length += 7) {
      assert.throws(() => receiveSample(name, { body: whole.subarray(0, length) }), { code: "WEBHOOK_INVALID" });
    }
  }
});

test("more than 1,000 notifications or tags are refused", () => {
  const many = Array(1001).fill("x");
  const { body: push } = sample("harbor/push") as { body: { event_data: object } };
  for (const [name, body] of [
    ["distribution/push-v2", { events: many }],
    ["quay/push", { repository: "a/b", updated_tags: many }],
    ["harbor/push", { ...push, event_data: { ...push.event_data, resources: many } }],
  ] as const) {
    assert.throws(() => receiveSample(name, { body }), { code: "WEBHOOK_INVALID" });
  }
});

test("any JSON under any kind is refused or read, and never harms", () => {
  fc.assert(
    fc.property(fc.constantFrom(...telling), fc.json({ maxDepth: 5 }), (name, json) =>
      settles(name, Buffer.from(json)),
    ),
    { numRuns: 500 },
  );
});

/** Values a sender might put where another is documented. */
const odd = fc.oneof(
  fc.constantFrom(
    null,
    "",
    0,
    -1,
    true,
    [],
    {},
    "__proto__",
    "a".repeat(5000),
    "../..",
    "https://evil.example/v2/",
    "\u0000",
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

test("a sample with any one part replaced is refused or read, and names no other registry", () => {
  fc.assert(
    fc.property(fc.constantFrom(...telling), fc.nat(), odd, (name, place, value) => {
      const { body } = sample(name);
      const places = placesOf(body);
      const [parent, key] = places[place % places.length]!;
      Object.defineProperty(parent, key, { value, enumerable: true });
      settles(name, bytesOf(body));
    }),
    { numRuns: 1000 },
  );
});

test("the events of an envelope are in the order of its notifications", () => {
  const { body } = sample("distribution/push-v2") as { body: { events: { target: object }[] } };
  const [push] = body.events;
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,10}$/), { maxLength: 20 }), (tags) => {
      const events = tags.map((tag) => ({ ...push, id: tag, target: { ...push!.target, tag } }));
      assert.deepEqual(
        brief(receiveSample("distribution/push-v2", { body: { events } })),
        tags.map((tag) => `pushed charts/lantern:${tag} chart`),
      );
      const updated = brief(receiveSample("quay/push", { body: { repository: "a/b", updated_tags: tags } }));
      assert.deepEqual(
        updated,
        tags.map((tag) => `pushed a/b:${tag} unknown`),
      );
    }),
    { numRuns: 50 },
  );
});

/** Any end is right but a bug, an event that cannot be carried, and one about another registry. */
function settles(name: string, body: Uint8Array): void {
  const kind = name.split("/", 1)[0] as Kind;
  const delivery: Delivery = proven(kind, sample(name).headers, body);
  try {
    const { events, ignored } = receive(sourceOf(kind), delivery, [SECRET]);
    for (const event of events) {
      assert.equal(event.data.registry, "registry.example");
      parseEvent(fromStructured(toStructured(event)));
    }
    for (const reason of ignored) assert.ok(reason.length < 250);
  } catch (error) {
    if (!(error instanceof RejectedError && error.code === "WEBHOOK_INVALID")) throw error;
  }
}

/** Every place of a value: what holds it, and under which name. */
function placesOf(value: unknown): [object, string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => [
    [value, key] as [object, string],
    ...placesOf((value as Record<string, unknown>)[key]),
  ]);
}
