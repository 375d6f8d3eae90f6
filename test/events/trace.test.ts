import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inTrace, originTrace, parseTrace, traceAttributes, type WireEvent } from "../../lib/events/index.ts";

const hex = (length: number) =>
  fc
    .string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length })
    .filter((text) => /[^0]/.test(text));
const trace = fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean() });
const event: WireEvent = { specversion: "1.0", id: "1", source: "/s", type: "t", extensions: { tenant: "a" } };
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

test("a trace is read as it was written", () => {
  fc.assert(fc.property(trace, (given) => assert.deepEqual(parseTrace(traceAttributes(given)), { ...given })));
});

test("a later version may say more, and is read as far as it is known", () => {
  const { sampled, traceId } = parseTrace({ traceparent: `${traceparent.replace(/^00/, "cc")}-more` })!;
  assert.deepEqual([sampled, traceId], [true, "0af7651916cd43dd8448eb211c80319c"]);
  assert.equal(parseTrace({ traceparent: traceparent.replace(/01$/, "02") })?.sampled, false);
});

test("what is no traceparent is none", () => {
  for (const wrong of [
    "",
    traceparent.toUpperCase(),
    traceparent.replace(/^00/, "ff"),
    `${traceparent}-more`,
    traceparent.slice(1),
    traceparent.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
    traceparent.replace("b7ad6b7169203331", "0".repeat(16)),
    `${traceparent}\n`,
  ]) {
    assert.equal(parseTrace({ traceparent: wrong }), undefined, wrong);
  }
  assert.equal(parseTrace({}), undefined);
});

test("tracestate rides along, unless it is too long or no header could carry it", () => {
  assert.equal(parseTrace({ traceparent, tracestate: "vendor=1" })?.tracestate, "vendor=1");
  for (const tracestate of ["x".repeat(513), "a\n", ""]) {
    assert.equal(parseTrace({ traceparent, tracestate })?.tracestate, undefined);
  }
});

test("an event without a trace has one by its name: the same for every delivery, another for every event", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (source, id, other) => {
      const one = originTrace({ source, id });
      assert.deepEqual(parseTrace(traceAttributes(one)), one);
      assert.deepEqual(originTrace({ source, id }), one);
      if (other !== id) assert.notEqual(originTrace({ source, id: other }).traceId, one.traceId);
    }),
  );
});

test("an event is in one trace only, and keeps its other extensions", () => {
  const old = { ...event, extensions: { ...event.extensions, traceparent: "nonsense", tracestate: "old=1" } };
  const { extensions } = inTrace(old, parseTrace({ traceparent })!);
  assert.deepEqual(extensions, { tenant: "a", traceparent });
});
