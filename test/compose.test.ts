import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compose } from "../lib/compose.ts";
import { checkConfig } from "../lib/config/index.ts";
import { collectingLog } from "./functions/harness.ts";

const open = (config: object = {}) => compose(checkConfig({ store: "memory:", ...config }), { log: collectingLog() });

test("ports are opened once and shared", async () => {
  const deps = open();
  const [one, other] = await Promise.all([deps.ports(["store"]), deps.ports(["store", "config"])]);
  assert.equal(one.store, other.store);
});

test("a port that could not be opened is tried again", async () => {
  const deps = open({ store: "s3://bucket" });
  await assert.rejects(deps.ports(["store"]), { code: "STORE_URL_INVALID" });
  await assert.rejects(deps.ports(["store"]), { code: "STORE_URL_INVALID" });
});

test("publishing without a sink is refused, not forgotten", async () => {
  const { publish } = await open().ports(["publish"]);
  await assert.rejects(publish([]), { code: "PORT_UNAVAILABLE" });
});

test("secrets are read anew each time, without white space, and bounded", async () => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-secrets-"));
  try {
    const file = join(directory, "secret");
    const { secrets } = await open().ports(["secrets"]);
    for (const secret of ["first", "second"]) {
      await writeFile(file, `${secret}\n`);
      assert.equal(await secrets(file), secret);
    }
    await writeFile(file, "x".repeat(5000));
    await assert.rejects(secrets(file), { code: "CONFIG_INVALID" });
    await assert.rejects(secrets("/nowhere"), { code: "CONFIG_INVALID" });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
