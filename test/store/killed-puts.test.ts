import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempDisposable, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { openFileStore } from "../../lib/store/file.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { startObjectService } from "../fakes/object-service/server.ts";
import { numberedBytes } from "./numbered-bytes.ts";

/** The moments of the kills come from it, as far as moments can be said. */
const SEED = "killed puts";

const random = (what: string, below: number): number =>
  createHash("sha256").update(`${SEED} ${what}`).digest().readUInt32BE() % below;

const startPut = (args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, "one-put.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });

const kinds = [
  { kind: "oss", size: 5_000_000, partBytes: 256 * 1024, kills: 25 },
  { kind: "s3", size: 27_000_000, partBytes: 5 * 1024 * 1024, kills: 15 },
] as const;

// They wait for processes most of the time.
describe("a process that is killed while it puts", { concurrency: 3 }, () => {
  for (const { kind, size, partBytes, kills } of kinds) {
    it(`goes on with an upload to ${kind} after each of ${kills} kills, showing nothing partial and leaving nothing`, async () => {
      await using service = await startObjectService({ kind });
      const bucket = `${kind}://${service.bucket}`;
      const parts = Math.ceil(size / partBytes);
      let killed = 0;
      for (let seed = 1; killed < kills; seed++) {
        const old = service.held.objects.get("a/release.tar")?.bytes;
        const whole = numberedBytes(size, seed).all();
        const sent = () => service.log.filter((line) => line.startsWith("part ")).length;
        const [sentBefore, killedBefore] = [sent(), killed];
        for (let isDone = false; !isDone; ) {
          const child = startPut(
            [`${bucket}/a`, `${size}`, `${seed}`, JSON.stringify([{ bucket, partBytes }])],
            environmentOf(service),
          );
          // Each run is killed a few requests later than the one before; a few milliseconds make up for the rest.
          let left = killed < kills ? 1 + random(`${kind} ${killed} requests`, 10) : Number.POSITIVE_INFINITY;
          service.onRequest = () => {
            if (--left === 0) void wait(random(`${kind} ${killed} wait`, 4)).then(() => child.kill("SIGKILL"));
          };
          const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
          isDone = code === 0;
          assert.ok(isDone || signal === "SIGKILL", `ended with ${code}`);
          if (!isDone) killed++;
          const shown = service.held.objects.get("a/release.tar")?.bytes;
          assert.ok(shown?.equals(whole) || (!isDone && (old === undefined ? !shown : shown?.equals(old))));
        }
        service.onRequest = undefined;
        // What was under way when a process died is sent again, and nothing else.
        assert.ok(sent() - sentBefore <= parts + 4 * (killed - killedBefore), `${sent() - sentBefore} parts sent`);
        assert.deepEqual([...service.held.objects.keys()], ["a/release.tar"]);
        // Begun and killed before it was written down, an upload has no parts: it costs nothing until it is swept.
        assert.deepEqual(
          [...service.held.uploads.values()].filter((upload) => upload.parts.size > 0),
          [],
        );
      }
    });
  }

  it("writes into a directory again after each of 10 kills, showing nothing partial and leaving nothing", async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-store-"));
    const url = pathToFileURL(directory.path).href;
    const size = 20_000_000;
    const shown = () => readFile(join(directory.path, "release.tar")).catch(() => undefined);
    for (let kill = 0; kill < 10; kill++) {
      const child = startPut([url, `${size}`, `${kill}`]);
      await once(child.stdout!, "data");
      await wait(random(`file ${kill}`, 60));
      const old = await shown();
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      const now = await shown();
      const isNew = now?.equals(numberedBytes(size, kill).all());
      assert.ok(isNew || (old === undefined ? !now : now?.equals(old)));
    }
    const last = startPut([url, `${size}`, "10"]);
    assert.deepEqual(await once(last, "exit"), [0, null]);
    assert.ok((await shown())?.equals(numberedBytes(size, 10).all()));
    await openFileStore(directory.path);
    assert.deepEqual(await readdir(join(directory.path, ".stowage/tmp")), []);
  });
});
