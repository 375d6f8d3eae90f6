import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeHarbor } from "../../fakes/harbor.ts";
import { refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "./opened-registry.ts";

const HOST = "harbor.example.com";
const at = (url: string) => [{ host: HOST, endpoint: url }];

test("CR-W8: a Harbor is listed by project and repository, over pages of 100, and never by its catalog", async () => {
  await using harbor = await startFakeHarbor({ basic: "robot$a:secret" });
  for (let i = 0; i < 120; i += 1) harbor.names.add(`project-${i}/lantern`);
  for (let i = 0; i < 250; i += 1) harbor.names.add(`many/deep/chart-${i}`);
  const auth = Buffer.from("robot$a:secret").toString("base64");
  await using opened = await openForTest({ [HOST]: { auth } }, at(harbor.url));
  const found = await Array.fromAsync(opened.registries.repositories(HOST));
  assert.deepEqual(found.sort(), [...harbor.names].sort());
  assert.ok(!harbor.requests.some(({ path }) => path.startsWith("/v2/")));
});

test("CR-T14: a Harbor that answers 422 or 500 to a listing is an error, never empty", async () => {
  for (const [status, code] of [
    [422, "REGISTRY_REFUSED"],
    [500, "REGISTRY_UNAVAILABLE"],
  ] as const) {
    for (const path of ["/api/v2.0/projects?", "/api/v2.0/projects/charts/repositories"]) {
      await using harbor = await startFakeHarbor();
      harbor.names.add("charts/lantern");
      harbor.misbehave(`GET ${path}`, (_, response) => refuse(response, status, "UNKNOWN"), 10);
      await using opened = await openForTest({}, at(harbor.url));
      await assert.rejects(Array.fromAsync(opened.registries.repositories(HOST)), { code });
    }
  }
});

test("what Harbor says that is no list of names is refused", async () => {
  for (const answer of ["{}", "[{}]", "[null]", "<html>", '[{"name":1}]']) {
    await using harbor = await startFakeHarbor();
    harbor.misbehave("GET /api/v2.0/projects?", (_, response) => response.end(answer));
    await using opened = await openForTest({}, at(harbor.url));
    await assert.rejects(Array.fromAsync(opened.registries.repositories(HOST)), { code: "REGISTRY_REFUSED" });
  }
});

test("a registry that is no Harbor, or an older one, is asked for its catalog", async () => {
  for (const version of ["v1.10.0", undefined]) {
    await using registry = version === undefined ? await startFakeRegistry() : await startFakeHarbor({ version });
    registry.repository("charts/lantern");
    await using opened = await openForTest({}, at(registry.url));
    assert.deepEqual(await Array.fromAsync(opened.registries.repositories(HOST)), ["charts/lantern"]);
  }
});
