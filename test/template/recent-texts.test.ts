import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RecentTexts } from "../../lib/template/recent-texts.ts";

/** Each text has 936 characters, so that with its overhead it takes 1,000. */
const text = (i: number): string => String(i).padStart(936, ".");

test("what was made of a text is given again, until others that were used later need the room", () => {
  const texts = new RecentTexts<number>(10_000);
  for (let i = 0; i < 10; i++) texts.add(text(i), i);
  assert.equal(texts.get(text(0)), 0);
  texts.add(text(10), 10);
  assert.equal(texts.get(text(0)), 0, "used after 1, which had to go");
  assert.equal(texts.get(text(1)), undefined);
  assert.equal(texts.get(text(10)), 10);
});

test("a text that alone would take more than an eighth of the room is not kept, and drives out no other", () => {
  const texts = new RecentTexts<string>(10_000);
  texts.add("small", "kept");
  texts.add("x".repeat(1_250), "large");
  assert.equal(texts.get("x".repeat(1_250)), undefined);
  assert.equal(texts.get("small"), "kept");
});

test("exactly the texts used last are kept, as many as there is room for", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(15), { maxLength: 60 }), (uses) => {
      const texts = new RecentTexts<number>(8_000);
      const recent: number[] = [];
      for (const i of uses) {
        const known = texts.get(text(i));
        assert.equal(known, recent.includes(i) ? i : undefined);
        if (known === undefined) texts.add(text(i), i);
        if (recent.includes(i)) recent.splice(recent.indexOf(i), 1);
        recent.push(i);
        if (recent.length > 8) recent.shift();
      }
    }),
  );
});
