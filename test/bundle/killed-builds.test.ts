import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempDisposable, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { openStore } from "../../lib/store/index.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { startObjectService } from "../fakes/object-service/server.ts";
import { HOST, openWorkshop, type Workshop } from "./workshop.ts";

/** Of each kind of store. The suite has little time; `STOWAGE_KILLS=50` is the promise. */
const KILLS = Number(process.env["STOWAGE_KILLS"] ?? 4);
/** The moments of the kills come from it, as far as moments can be said. */
const SEED = "killed builds";

const random = (what: string, below: number): number =>
  createHash("sha256").update(`${SEED} ${what}`).digest().readUInt32BE() % below;

let shop: Workshop;
before(async () => {
  shop = await openWorkshop();
  for (const [kind, bytes] of [
    ["small", 1_500_000],
    ["large", 11_000_000],
  ] as const) {
    for (const name of ["a", "b"]) await shop.pushNoise(`${kind}/${name}:1`, name, bytes);
  }
});
after(() => shop[Symbol.asyncDispose]());

/** Each version has the layers of the one before. */
const release = (kind: "small" | "large", version: number) => ({
  name: "b",
  version: `${version}`,
  images: ["a", "b"].map((name) => `${HOST}/${kind}/${name}:1`),
});

function startBuild(
  url: string,
  buckets: readonly object[],
  description: object,
  env: NodeJS.ProcessEnv,
): ChildProcess {
  const endpoint = `http://${shop.registry.host}`;
  const args = [url, JSON.stringify(buckets), endpoint, JSON.stringify(description)];
  return spawn(process.execPath, [join(import.meta.dirname, "one-build.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
}

const kinds = [
  { kind: "oss", size: "small", partBytes: 128 * 1024 },
  { kind: "s3", size: "large", partBytes: 5 * 1024 * 1024 },
] as const;

for (const { kind, size, partBytes } of kinds) {
  test(`a build into ${kind} goes on after each of ${KILLS} kills: the same bytes, nothing partial, nothing left`, async () => {
    await using service = await startObjectService({ kind });
    const bucket = `${kind}://${service.bucket}`;
    let killed = 0;
    for (let version = 1; killed < KILLS; version++) {
      const { bytes, sha256, key } = await shop.build(release(size, version));
      // every other version finds no older one, and is sent as a whole
      const place = `p/${version >> 1}`;
      const parts = Math.ceil(bytes.byteLength / partBytes) + 4;
      const done = () => service.log.filter((line) => /^(part|copy) /.test(line)).length;
      const [doneBefore, killedBefore] = [done(), killed];
      for (let isDone = false; !isDone; ) {
        const child = startBuild(
          `${bucket}/${place}`,
          [{ bucket, partBytes }],
          release(size, version),
          environmentOf(service),
        );
        let left = killed < KILLS ? 1 + random(`${kind} ${killed} requests`, 16) : Number.POSITIVE_INFINITY;
        service.onRequest = () => {
          if (--left === 0) void wait(random(`${kind} ${killed} wait`, 4)).then(() => child.kill("SIGKILL"));
        };
        const output = Array.fromAsync(child.stdout!);
        const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
        isDone = code === 0;
        assert.ok(isDone || signal === "SIGKILL", `ended with ${code}`);
        if (isDone) assert.match(Buffer.concat(await output).toString(), new RegExp(`"sha256":"${sha256}"`));
        else killed++;
        const shown = service.held.objects.get(`${place}/${key}`)?.bytes;
        assert.ok(shown === undefined ? !isDone : shown.equals(bytes));
      }
      service.onRequest = undefined;
      // what was under way when a process died is done again, and nothing else
      const most = parts + 4 * (killed - killedBefore);
      assert.ok(done() - doneBefore <= most, `${done() - doneBefore} parts instead of ${most}`);
      assert.deepEqual(
        [...service.held.objects.keys()].filter((name) => name.includes(".stowage")),
        [],
      );
      assert.deepEqual(
        [...service.held.uploads.values()].filter((upload) => upload.parts.size > 0),
        [],
      );
    }
  });
}

test(`a build into a directory is complete after ${KILLS} kills: the same bytes, nothing partial, nothing left`, async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-killed-"));
  const to = `file:${directory.path}`;
  const { bytes, key } = await shop.build(release("large", 1));
  const shown = () => readFile(join(directory.path, key)).catch(() => undefined);
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startBuild(to, [], release("large", 1), {});
    await once(child.stdout!, "data");
    await wait(random(`file ${kill}`, 120));
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    assert.ok((await shown())?.equals(bytes) ?? true);
  }
  const last = startBuild(to, [], release("large", 1), {});
  last.stdout?.resume();
  assert.deepEqual(await once(last, "exit"), [0, null]);
  assert.ok((await shown())?.equals(bytes));
  await openStore(to);
  assert.deepEqual(await readdir(join(directory.path, ".stowage/tmp")), []);
});
