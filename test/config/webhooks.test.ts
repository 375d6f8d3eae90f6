import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "../../lib/config/index.ts";

const source = {
  name: "main",
  kind: "harbor",
  registry: "harbor.example:8443",
  secrets: [{ file: "/etc/secret/hook" }],
};

test("a webhook source has a name, a kind, a registry and one or two secrets by reference", () => {
  const sources = [
    { ...source, aliases: ["harbor-core"] },
    { ...source, name: "other", secrets: [{ file: "/a" }, { env: "HOOK_SECRET" }] },
  ];
  assert.deepEqual(checkConfig({ webhooks: { sources } }).webhooks.sources, [
    sources[0],
    { ...sources[1], aliases: [] },
  ]);
  assert.deepEqual(checkConfig({}).webhooks.sources, []);
});

for (const [what, sources] of [
  ["no secret", [{ ...source, secrets: [] }]],
  ["three secrets", [{ ...source, secrets: [{ file: "/a" }, { file: "/b" }, { file: "/c" }] }]],
  ["a secret itself", [{ ...source, secrets: ["correct horse battery staple"] }]],
  ["a secret of two places", [{ ...source, secrets: [{ file: "/a", env: "A" }] }]],
  ["a secret of no place", [{ ...source, secrets: [{}] }]],
  ["a variable that is none", [{ ...source, secrets: [{ env: "A=B" }] }]],
  ["a kind nobody knows", [{ ...source, kind: "dockerhub" }]],
  ["a name that is no part of a path", [{ ...source, name: "a/b" }]],
  ["a registry that is a URL", [{ ...source, registry: "https://harbor.example" }]],
  ["one name twice", [source, { ...source, kind: "zot" }]],
] as const) {
  test(`webhook sources with ${what} are refused, naming the place`, () => {
    assert.throws(() => checkConfig({ webhooks: { sources } }), {
      code: "CONFIG_INVALID",
      message: /webhooks\.sources/,
    });
  });
}

test("a source named distribution cannot stand beside webhooks.distribution", () => {
  const webhooks = { sources: [{ ...source, name: "distribution" }], distribution: { secretFile: "/a" } };
  assert.throws(() => checkConfig({ webhooks }), {
    code: "CONFIG_INVALID",
    message: /webhooks\.sources: names one source twice/,
  });
});
