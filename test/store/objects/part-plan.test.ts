import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CopyableRange, planParts } from "../../../lib/store/objects/part-plan.ts";

const MiB = 1024 * 1024;
const s3 = { minPart: 5 * MiB, maxPart: 5 * 1024 * MiB, maxParts: 10_000 };

/** Ranges that lie apart from each other in a body, and the body's size. */
const anyBody = fc
  .array(fc.record({ gap: fc.nat(40), size: fc.integer({ min: 1, max: 90 }), start: fc.nat(1000) }), { maxLength: 12 })
  .chain((ranges) => fc.record({ ranges: fc.constant(ranges), rest: fc.nat(40) }))
  .map(({ ranges, rest }) => {
    let at = 0;
    const copyable: CopyableRange[] = ranges.map(({ gap, size, start }, index) => {
      const range = { at: at + gap, size, start, name: `blob ${index}`, etag: "etag" };
      at += gap + size;
      return range;
    });
    return { size: at + rest, copyable };
  });

test("parts cover a body without gaps, keep the service's rules and copy only what is the same", () => {
  const anyRules = fc.record({ minPart: fc.integer({ min: 1, max: 20 }), maxPart: fc.integer({ min: 40, max: 100 }) });
  fc.assert(
    fc.property(anyBody, anyRules, fc.integer({ min: 1, max: 40 }), ({ size, copyable }, limits, wanted) => {
      const plan = planParts(size, copyable, { ...limits, maxParts: 1000 }, wanted)!;
      let at = 0;
      for (const [index, part] of plan.entries()) {
        assert.equal(part.number, index + 1);
        assert.equal(part.start, at);
        assert.ok(part.size > 0 && part.size <= 2 * limits.maxPart);
        if (index < plan.length - 1) assert.ok(part.size >= limits.minPart);
        at += part.size;
        if (part.from === undefined) continue;
        const source = copyable.find(({ name }) => name === part.from?.name)!;
        assert.equal(part.from.start - source.start, part.start - source.at);
        assert.ok(part.start >= source.at && part.start + part.size <= source.at + source.size);
        assert.equal(part.from.size, part.size);
      }
      assert.equal(at, size);
      assert.deepEqual(planParts(size, copyable, { ...limits, maxParts: 1000 }, wanted), plan);
    }),
  );
});

test("of a range between small pieces only what fills a part is sent, the rest is copied", () => {
  const blob = { name: "blob", etag: "etag", start: 0, size: 100 * MiB };
  const plan = planParts(
    200 * MiB + 1536,
    [
      { ...blob, at: 512 },
      { ...blob, at: 100 * MiB + 1024 },
    ],
    s3,
    100 * MiB,
  );
  assert.deepEqual(
    plan?.map(({ size, from }) => [size, from?.start]),
    [
      [5 * MiB, undefined],
      [95 * MiB + 512, 5 * MiB - 512],
      [5 * MiB, undefined],
      [95 * MiB + 512, 5 * MiB - 512],
      [512, undefined],
    ],
  );
});

test("copies are no larger than other parts: they are read as well, and kept meanwhile", () => {
  const blob = { name: "blob", etag: "etag", start: 7, size: 100 * MiB, at: 0 };
  const plan = planParts(100 * MiB, [blob], s3, 8 * MiB)!;
  assert.ok(plan.every(({ size, start, from }) => size <= 8 * MiB && from?.start === start + 7));
});

test("parts grow so that there are never too many, also of copies", () => {
  for (const size of [80_000 * MiB, 80_001 * MiB, 5 * 1024 * 1024 * MiB]) {
    const plan = planParts(size, [], s3, 8 * MiB)!;
    assert.ok(plan.length <= 10_000 && plan.length > 4_000, `${plan.length}`);
  }
  const blobs = Array.from({ length: 9000 }, (_, index) => ({
    at: 512 + index * (6 * MiB + 512),
    size: 6 * MiB,
    name: `${index}`,
    etag: "etag",
    start: 0,
  }));
  const few = { ...s3, minPart: MiB };
  assert.ok(planParts(9000 * (6 * MiB + 512), blobs, few, 8 * MiB)!.length <= 10_000);
});

test("a body that no parts can hold has no plan", () => {
  assert.equal(planParts(60_000 * 1024 * MiB, [], s3, 8 * MiB), undefined);
});
