import assert from "node:assert/strict";
import { test } from "node:test";
import { checkKey, checkPrefix } from "../../lib/store/keys.ts";

const refused = { code: "STORE_KEY_INVALID" };

test("a key has at most 1024 characters, a segment 255", () => {
  const segments = (last: number): string => `${`${"x".repeat(255)}/`.repeat(3)}${"y".repeat(last)}/z`;
  checkKey(segments(254));
  assert.throws(() => checkKey(segments(255)), refused);
  checkKey("x".repeat(255));
  assert.throws(() => checkKey("x".repeat(256)), refused);
});

test("a prefix is any beginning of a key", () => {
  for (const key of ["index/entries/nginx/1.2.3.json", "a/..b/.c", "x".repeat(255)]) {
    checkKey(key);
    for (let length = 0; length <= key.length; length++) checkPrefix(key.slice(0, length));
  }
  for (const prefix of ["/", "a//", "a/../", "./", "x".repeat(256), "x/".repeat(513)]) {
    assert.throws(() => checkPrefix(prefix), refused, prefix);
  }
});

test("a refused key is quoted and cut in the message", () => {
  assert.throws(
    () => checkKey(`\n${"x".repeat(5000)}`),
    (error: Error) => {
      assert.match(error.message, /^Cannot use key "\\nx{198}…": segments of/);
      return true;
    },
  );
});
