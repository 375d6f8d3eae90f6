import assert from "node:assert/strict";
import { test } from "node:test";
import { demandsOf } from "../../../lib/helm/render/demands.ts";
import { settingText } from "../../../lib/helm/render/setting.ts";
import type { Value } from "../../../lib/template/index.ts";
import { readYaml } from "../../../lib/yaml/index.ts";

const values = readYaml(`
server: { url: "", config: { dex.config: "" }, port: 80 }
rbac: { create: false }
hosts: { names: [] , set: [a] }
db: { auth: { password: null }, name: "" }
name: ""
`) as Map<string, Value>;

/** How a chart refuses, and what is given to it. */
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  ["a text", "server.url must be set", ["--set-string server.url=x"]],
  ["a key with a dot", "server.config.dex\\.config must be set", ["--set-string server.config.dex\\.config=x"]],
  ["a switch, with its value", "Please set rbac.create=true.", ["rbac.create=true"]],
  ["a list, in quotes", 'The "hosts.names" is required!', ['--set-json hosts.names=["x"]']],
  ["as a template spells it", "set (.Values.server.url)", ["--set-string server.url=x"]],
  ["from a subchart", "auth.password is needed", ["--set-string db.auth.password=x"]],
  ["from a subchart, as a template spells it", "no .Values.auth.password", ["--set-string db.auth.password=x"]],
  ["several", "rbac.create and server.url", ["--set-string server.url=x", "rbac.create=true"]],
  ["a switch, in words", "you need to create rbac, and a server with a url", ["rbac.create=true"]],
  ["what has a value already", "server.port or hosts.set is wrong", []],
  ["a mere word", "create a name, url or password", []],
  ["what there is not", "server.secret is missing: web/templates/a.yaml:1:2", []],
];

for (const [what, refusal, expected] of cases) {
  test(`asked for: ${what}`, () => assert.deepEqual(demandsOf(refusal, values).map(settingText), expected));
}

test("a text that names everything asks for nothing, and the rest of an endless one is not read", () => {
  const many = new Map<string, Value>(Array.from({ length: 50 }, (_, i) => [`k${i}`, new Map([["on", false]])]));
  assert.deepEqual(demandsOf([...many.keys()].map((key) => `${key}.on`).join(" "), many), []);
  assert.deepEqual(demandsOf(`${"a.".repeat(100_000)} server.url`, values), []);
});
