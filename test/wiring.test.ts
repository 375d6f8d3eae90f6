import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { functions, isFunctionName } from "../functions/index.ts";
import { eventTypes } from "../lib/events/index.ts";
import { readTriggers, type Trigger } from "../lib/runtime/local/index.ts";

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

/** The type a trigger filters on: every trigger of ours names exactly one. */
function typeOf({ name, filters }: Trigger): string {
  const types = filters.flatMap((filter) => ("exact" in filter ? [filter.exact["type"]] : [])).filter(Boolean);
  assert.equal(types.length, 1, `trigger ${name} names ${types.length} types`);
  return types[0]!;
}

test("triggers and functions describe the same edges", () => {
  const wired = triggers.map((trigger) => `${typeOf(trigger)} -> ${trigger.subscriber.name}`);
  const wanted = declared.flatMap((fn) => (fn.kind === "event" ? fn.on.map((type) => `${type} -> ${fn.name}`) : []));
  assert.deepEqual([...new Set(wired)].sort(), wanted.sort());
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
      .filter((trigger) => typeOf(trigger) === "dev.knative.sources.ping")
      .flatMap(({ filters }) => filters);
    assert.ok(
      woken.some((filter) => "exact" in filter && filter.exact["task"] === extensions["task"]),
      name,
    );
  }
});

test("every event of the catalogue is sent by a function, a host or a person, and understood by somebody", () => {
  const outside = ["dev.knative.sources.ping", "dev.stowage.images.requested.v1", "dev.stowage.bundle.requested.v1"];
  const results = [
    "dev.stowage.images.listed.v1",
    "dev.stowage.images.incomplete.v1",
    "dev.stowage.bundle.built.v1",
    "dev.stowage.bundle.failed.v1",
    "dev.stowage.images.mirrored.v1",
    "dev.stowage.mirror.incomplete.v1",
  ];
  const emitted = new Set<string>([...outside, ...declared.flatMap((fn) => (fn.kind === "sink" ? [] : fn.emits))]);
  const understood = new Set<string>([...results, ...declared.flatMap((fn) => (fn.kind === "event" ? fn.on : []))]);
  assert.deepEqual(
    eventTypes.filter((type) => !emitted.has(type)),
    [],
  );
  assert.deepEqual(
    eventTypes.filter((type) => !understood.has(type)),
    [],
  );
});
