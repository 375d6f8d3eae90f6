import assert from "node:assert/strict";
import { test } from "node:test";
import { readYaml, writeJson } from "../../lib/yaml/index.ts";

const json = (text: string): string => writeJson(readYaml(text));

test("flow collections and quoted texts may go on at any column, as go-yaml takes them", () => {
  assert.equal(json("args: [\n  a,\n]\n"), '{"args":["a"]}');
  assert.equal(json("a:\n  b: [\n1,\n 2\n]\n  c: {\nx: 1,\n  z: [\n]\n}\n"), '{"a":{"b":[1,2],"c":{"x":1,"z":[]}}}');
  assert.equal(json('a:\n  b: "x\ny\n z"\n'), '{"a":{"b":"x y z"}}');
  assert.equal(json('a:\n  b: {\n\t"x": 1\n}\n'), '{"a":{"b":{"x":1}}}');
});

test("an error behind such lines names its own line", () => {
  assert.throws(() => json("a: [\n1\n]\nb: c: d\n"), /line 4/);
});

test("thousands of such lines are read or refused, and take no minutes", () => {
  const started = process.cpuUsage();
  const many = `a: [\n${"1,\n".repeat(2000)}]`;
  assert.equal((JSON.parse(json(many)) as { a: unknown[] }).a.length, 2000);
  assert.throws(() => json(`a: [\n${"1,\n".repeat(200_000)}]`));
  assert.ok(process.cpuUsage(started).user < 30_000_000);
});
