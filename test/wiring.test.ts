import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { functions, isFunctionName } from "../functions/index.ts";
import { eventTypes } from "../lib/events/index.ts";
import { type Filter, readTriggers, type Trigger } from "../lib/runtime/local/index.ts";

const root = dirname(import.meta.dirname);
const { triggers, sources } = await readTriggers(join(root, "triggers"));
const declared = await Promise.all(Object.values(functions).map(async (load) => (await load()).default));

test("every function is in the table under its own name, in a file of that name", () => {
  assert.deepEqual(
    declared.map(({ name }) => name),
    Object.keys(functions),
  );
  const files = readdirSync(join(root, "functions")).filter((file) => file !== "index.ts");
  assert.deepEqual(
    files.sort(),
    Object.keys(functions)
      .map((name) => `${name}.ts`)
      .sort(),
  );
});

/** The types a trigger filters on: each of ours names one, or any of several. */
function typesOf({ name, filters }: Trigger): readonly string[] {
  const named = (filter: Filter): readonly string[] =>
    "exact" in filter ? [filter.exact["type"] ?? ""].filter(Boolean) : [];
  const types = filters.map((filter) => ("any" in filter ? filter.any.flatMap(named) : named(filter))).filter(hasSome);
  assert.equal(types.length, 1, `trigger ${name} has ${types.length} filters on types`);
  return types[0]!;
}
const hasSome = ({ length }: readonly unknown[]): boolean => length > 0;

test("triggers and functions describe the same edges", () => {
  const wired = triggers.flatMap((trigger) => typesOf(trigger).map((type) => `${type} -> ${trigger.subscriber.name}`));
  const wanted = declared.flatMap((fn) => (fn.kind === "event" ? fn.on.map((type) => `${type} -> ${fn.name}`) : []));
  assert.deepEqual([...new Set(wired)].sort(), wanted.sort());
});

test("what is reported to Releases is only what belongs to one", () => {
  for (const trigger of triggers.filter(({ subscriber }) => subscriber.name === "report-release")) {
    assert.ok(
      trigger.filters.some((filter) => "prefix" in filter && filter.prefix["resource"] === "releases.stowage.dev/"),
    );
  }
});

test("whatever fails for good is buried", () => {
  for (const { name, delivery } of triggers) {
    assert.ok(delivery.deadLetterSink, `${name} has no dead-letter sink`);
    assert.ok(isFunctionName(delivery.deadLetterSink.name));
  }
});

test("every schedule wakes a function: its events pass a trigger's filters", () => {
  for (const { name, extensions } of sources) {
    const woken = triggers
      .filter((trigger) => typesOf(trigger).includes("dev.knative.sources.ping"))
      .flatMap(({ filters }) => filters);
    assert.ok(
      woken.some((filter) => "exact" in filter && filter.exact["task"] === extensions["task"]),
      name,
    );
  }
});

test("every event of the catalogue is sent by a function, a host or a person, and understood by somebody", () => {
  const outside = [
    "dev.knative.sources.ping",
    "dev.knative.apiserver.resource.add",
    "dev.knative.apiserver.resource.update",
    // of Jobs, and of bury
    "dev.stowage.run.failed.v1",
  ];
  const emitted = new Set<string>([...outside, ...declared.flatMap((fn) => (fn.kind === "sink" ? [] : fn.emits))]);
  const understood = new Set<string>(declared.flatMap((fn) => (fn.kind === "event" ? fn.on : [])));
  assert.deepEqual(
    eventTypes.filter((type) => !emitted.has(type)),
    [],
  );
  assert.deepEqual(
    eventTypes.filter((type) => !understood.has(type)),
    [],
  );
});
