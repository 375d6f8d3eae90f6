import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromStructured, type WireEvent } from "../../../lib/events/index.ts";
import { type Filter, filterSchema, passes } from "../../../lib/runtime/local/filters.ts";

const event = (more: object = {}): WireEvent =>
  fromStructured({ specversion: "1.0", id: "1", source: "/here", type: "a.b.c", ...more });

test("exact, prefix and suffix ask every attribute they name", () => {
  const given = event({ artifactkind: "chart" });
  assert.ok(passes(given, [{ exact: { type: "a.b.c", artifactkind: "chart" } }]));
  assert.ok(!passes(given, [{ exact: { type: "a.b.c", artifactkind: "image" } }]));
  assert.ok(passes(given, [{ prefix: { type: "a.b", source: "/" } }]));
  assert.ok(!passes(given, [{ prefix: { type: "b" } }]));
  assert.ok(passes(given, [{ suffix: { type: ".c" } }]));
  assert.ok(!passes(given, [{ suffix: { type: ".b" } }]));
});

test("an attribute that is not there passes no filter but the negation of one", () => {
  for (const dialect of ["exact", "prefix", "suffix"] as const) {
    const filter = { [dialect]: { missing: "x" } } as unknown as Filter;
    assert.ok(!passes(event(), [filter]));
    assert.ok(passes(event(), [{ not: filter }]));
  }
  assert.ok(!passes(event(), [{ exact: { constructor: "x" } }]));
});

test("data is never looked at", () => {
  assert.ok(!passes(event({ data: "x" }), [{ attributes: { data: "" } }]));
});

test("the older filter takes an empty value as any", () => {
  assert.ok(passes(event({ subject: "x" }), [{ attributes: { type: "a.b.c", subject: "" } }]));
  assert.ok(!passes(event(), [{ attributes: { type: "a.b.c", subject: "" } }]));
  assert.ok(!passes(event(), [{ attributes: { type: "a.b" } }]));
});

test("no filter lets everything pass, and several must all pass", () => {
  assert.ok(passes(event(), []));
  assert.ok(!passes(event(), [{ exact: { id: "1" } }, { exact: { id: "2" } }]));
});

const letter = fc.constantFrom("a", "b", "ab", "ba");
const values = fc.dictionary(fc.constantFrom("subject", "x", "y"), letter, { minKeys: 1, noNullPrototype: true });
const { filter } = fc.letrec<{ filter: Filter; leaf: Filter }>((tie) => ({
  leaf: fc.oneof(
    values.map((exact) => ({ exact })),
    values.map((prefix) => ({ prefix })),
    values.map((suffix) => ({ suffix })),
  ),
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie("leaf"),
    tie("filter").map((not) => ({ not })),
    fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
    fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
  ),
}));
const events = fc.dictionary(fc.constantFrom("subject", "x", "y"), letter, { noNullPrototype: true }).map(event);

test("not, all and any are logic", () => {
  fc.assert(
    fc.property(events, filter, filter, (given, a, b) => {
      const [one, two] = [passes(given, [a]), passes(given, [b])];
      assert.equal(passes(given, [{ not: a }]), !one);
      assert.equal(passes(given, [{ all: [a, b] }]), one && two);
      assert.equal(passes(given, [{ any: [a, b] }]), one || two);
      assert.equal(passes(given, [{ not: { any: [{ not: a }, { not: b }] } }]), one && two);
    }),
  );
});

test("every filter there can be is one the schema takes, as it is", () => {
  fc.assert(fc.property(filter, (given) => assert.deepEqual(filterSchema.parse(given), given)));
});

test("what is exact is a prefix and a suffix as well", () => {
  fc.assert(
    fc.property(events, values, (given, exact) => {
      if (passes(given, [{ exact }])) assert.ok(passes(given, [{ prefix: exact }, { suffix: exact }]));
    }),
  );
});
