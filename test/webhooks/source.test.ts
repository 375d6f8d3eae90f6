import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig, configSchema } from "../../lib/config/index.ts";
import { openSource, webhookKinds } from "../../lib/webhooks/index.ts";
import { settingsOf, sourceOf } from "./deliveries.ts";

test("every kind the configuration allows is there, and no other", () => {
  const { kind } = configSchema.shape.webhooks.unwrap().shape.sources.unwrap().element.shape;
  assert.deepEqual(Object.keys(webhookKinds), kind.options);
});

test("a source is found by its name and stands for its registry, whatever its notifications call it", () => {
  const settings = settingsOf("harbor", { name: "main", aliases: ["harbor-core:8080"] });
  const config = checkConfig({ webhooks: { sources: [settings, settingsOf("quay")] } });
  const source = openSource(config, "main")!;
  assert.equal(source.kind, webhookKinds.harbor);
  assert.deepEqual(source.secrets, [{ file: "/secret" }]);
  for (const claimed of [undefined, "registry.example", "Registry.Example:443", "harbor-core:8080"]) {
    assert.equal(source.registryOf(claimed), "registry.example");
  }
  for (const claimed of ["", "evil.example", "registry.example:8443", "registry.example.evil.example", "harbor-core"]) {
    assert.equal(source.registryOf(claimed), undefined);
  }
  assert.equal(openSource(config, "harbor"), undefined);
  assert.equal(openSource(config, "distribution"), undefined);
});

test("webhooks.distribution stands for the registries of the configuration and of this machine only", () => {
  const source = openSource(
    checkConfig({
      webhooks: { distribution: { secretFile: "/secret" } },
      registries: [{ host: "a.example" }],
      index: { registries: ["b.example:5000"], repositories: ["d.example/charts/lantern"] },
    }),
    "distribution",
  )!;
  for (const host of ["a.example", "b.example:5000", "d.example", "127.0.0.1:41234", "localhost:5000", "[::1]:5000"]) {
    assert.equal(source.registryOf(host), host);
  }
  assert.equal(source.registryOf("A.example:443"), "a.example");
  for (const host of [
    undefined,
    "",
    "c.example",
    "b.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:1",
    "1270.0.0.1",
  ]) {
    assert.equal(source.registryOf(host), undefined);
  }
});

test("a source named distribution is the operator's own", () => {
  assert.equal(sourceOf("distribution").registryOf("127.0.0.1:5000"), undefined);
});
