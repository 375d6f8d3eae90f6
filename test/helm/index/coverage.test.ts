import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openCoverage } from "../../../lib/helm/index.ts";

const nothing = { registries: [], repositories: [], include: [], exclude: [] };
const covers = (settings: object, text: string): boolean => {
  const slash = text.indexOf("/");
  return openCoverage({ ...nothing, ...settings }).covers({
    registry: text.slice(0, slash),
    repository: text.slice(slash + 1),
  });
};

test("CR-W10: * stands for a part of a name, ** for any number of parts", () => {
  const include = ["r.example:5000/charts/*", "*/teams/**", "r.example/one-*/x"];
  for (const text of ["r.example:5000/charts/a", "any.example/teams/a/b/c", "r.example/one-two/x"]) {
    assert.ok(covers({ include }, text), text);
  }
  for (const text of [
    "r.example:5000/charts/a/b",
    "rxexample:5000/charts/a",
    "any.example/teams",
    "r.example/one-a/b/x",
  ]) {
    assert.ok(!covers({ include }, text), text);
  }
});

test("CR-W10: what is excluded is out, whatever includes it; without patterns all is in", () => {
  assert.ok(covers({}, "r.example/a"));
  assert.ok(!covers({ include: ["**"], exclude: ["r.example/a"] }, "r.example/a"));
  assert.ok(covers({ include: ["**"], exclude: ["r.example/a"] }, "r.example/ab"));
});

test("a pattern without stars fits itself and nothing else", () => {
  const name = fc.stringMatching(/^[a-z.:-]{1,10}\/[a-z0-9._-]{1,10}(\/[a-z0-9._-]{1,10})?$/);
  fc.assert(
    fc.property(name, name, (pattern, text) => {
      assert.ok(covers({ include: [pattern] }, pattern));
      assert.equal(covers({ include: [pattern] }, text), text === pattern);
    }),
  );
});
