import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { suite, type TestContext, test } from "node:test";
import fc from "fast-check";
import { formatBytes, showProgress } from "../../lib/cli/progress.ts";
import type { Descriptor, Digest, Progress } from "../../lib/oci/index.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { createTransfer } from "../../lib/oci/transfer.ts";
import { imageFixture, layerPiece, putAll } from "../contracts/image-fixture.ts";

const MB = 1_000_000;
const blob = (seed: string, size: number): Descriptor => ({
  mediaType: "application/octet-stream",
  digest: `sha256:${seed.repeat(64)}` as Digest,
  size,
});
const copy = { source: "docker://a.example/app", reference: "v1", target: "docker://b.example/app" };

/** A terminal of which the last line can be read, on a clock that the test moves. */
function openTerminal({ mock }: TestContext, { columns = 80, env = {}, isTTY = true } = {}) {
  mock.timers.enable({ apis: ["setInterval"] });
  let time = 0;
  const stderr = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY, columns });
  return {
    surroundings: { stderr, env },
    now: () => time,
    after(milliseconds: number): void {
      for (const end = time + milliseconds; time < end; ) {
        time += 100;
        mock.timers.tick(100);
      }
    },
    /** What was written since the last time. */
    written: () => (stderr.read() as string | null) ?? "",
    /** What stands on the last line. */
    line: () => ((stderr.read() as string | null) ?? "").split("\r\u001b[K").at(-1),
  };
}

suite("progress on a terminal", () => {
  test("is one line that says how many images are done, which bytes have moved and how fast", (t) => {
    const terminal = openTerminal(t);
    using progress = showProgress(terminal.surroundings, { images: 3, now: terminal.now });
    terminal.after(200);
    assert.equal(terminal.line(), "0 of 3 images");

    const [large, small, there] = [blob("a", 8 * MB), blob("b", 2 * MB), blob("c", 5 * MB)];
    progress.onProgress({ copy, step: "planned", blobs: 3, bytes: 15 * MB });
    progress.onProgress({ copy, step: "moving", descriptor: large, bytes: 4 * MB });
    terminal.after(1000);
    assert.equal(terminal.line(), "0 of 3 images, 4.0 MB of 15.0 MB, 3.3 MB/s");

    // what need not move is not waited for
    progress.onProgress({ copy, step: "arrived", descriptor: there, outcome: "mounted" });
    progress.onProgress({ copy, step: "arrived", descriptor: large, outcome: "written" });
    progress.onProgress({ copy, step: "arrived", descriptor: small, outcome: "written" });
    progress.imageDone(true);
    progress.imageDone(false);
    terminal.after(1000);
    assert.equal(terminal.line(), "2 of 3 images, 1 failed, 10.0 MB of 10.0 MB, 4.5 MB/s");
    // the rate is one of the last seconds
    terminal.after(6000);
    assert.match(terminal.line()!, /10\.0 MB of 10\.0 MB, 0 B\/s$/);
  });

  test("takes back what a transfer that broke had moved, and what a copy that failed had planned", (t) => {
    const terminal = openTerminal(t);
    using progress = showProgress(terminal.surroundings, terminal);
    const [large, other] = [blob("a", 8 * MB), blob("b", 2 * MB)];
    progress.onProgress({ copy, step: "planned", blobs: 2, bytes: 10 * MB });
    progress.onProgress({ copy, step: "arrived", descriptor: other, outcome: "written" });
    progress.onProgress({ copy, step: "moving", descriptor: large, bytes: 6 * MB });
    progress.onProgress({ copy, step: "moving", descriptor: large, bytes: 1 * MB });
    terminal.after(200);
    assert.match(terminal.line()!, /^3\.0 MB of 10\.0 MB, /);
    progress.onProgress({ copy, step: "failed" });
    terminal.after(200);
    assert.match(terminal.line()!, /^2\.0 MB of 2\.0 MB, /);
  });

  test("leaves its line free for other lines, and behind it", (t) => {
    const terminal = openTerminal(t);
    {
      using progress = showProgress(terminal.surroundings, { images: 1 });
      terminal.after(200);
      progress.say("stowage copy: missing: a.example/app:v1");
      terminal.after(200);
    }
    const erase = "\r\u001b[K";
    const shown = `${erase}0 of 1 images`;
    assert.equal(terminal.written(), `${shown}${erase}stowage copy: missing: a.example/app:v1\n${shown}${erase}`);
    terminal.after(1000);
    assert.equal(terminal.written(), "");
  });

  test("never wraps", (t) => {
    const terminal = openTerminal(t, { columns: 10 });
    using _ = showProgress(terminal.surroundings, { images: 1_000_000 });
    terminal.after(200);
    assert.equal(terminal.line(), "0 of 1000");
  });

  test("is left alone while it does not keep up", (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    let writes = 0;
    const stuck = new Writable({
      highWaterMark: 1,
      write() {
        writes += 1;
      },
    });
    using _ = showProgress({ stderr: Object.assign(stuck, { isTTY: true }), env: {} }, { images: 1 });
    t.mock.timers.tick(10_000);
    assert.equal(writes, 1);
    assert.ok(stuck.writableLength < 100);
  });

  for (const [what, terminal] of [
    ["there is none", { isTTY: false }],
    ["it cannot erase a line", { env: { TERM: "dumb" } }],
  ] as const) {
    test(`is not shown where ${what}; other lines are`, (t) => {
      const { surroundings, after, written } = openTerminal(t, terminal);
      using progress = showProgress(surroundings, { images: 1 });
      progress.onProgress({ copy, step: "planned", blobs: 1, bytes: 1 });
      after(1000);
      progress.say("a line");
      assert.equal(written(), "a line\n");
    });
  }

  test("adds up for a real transfer: all that was planned has moved or needed not", async (t) => {
    const terminal = openTerminal(t);
    using progress = showProgress(terminal.surroundings, { images: 2, now: terminal.now });
    const shared = layerPiece("shared", 300_000);
    const [source, target] = [openMemory("source:"), openMemory("target:")];
    const told: Progress["step"][] = [];
    const transfer = createTransfer({
      onProgress(step) {
        told.push(step.step);
        progress.onProgress(step);
      },
    });
    let moved = 0;
    for (const seed of ["one", "two"]) {
      const { pieces, manifest } = imageFixture(seed, { layers: [shared, layerPiece(seed, 100_000)] });
      await putAll(source, pieces);
      await source.tag(seed, manifest.descriptor);
      moved += (await transfer.copy(source, seed, target)).bytes.moved;
      progress.imageDone(true);
    }
    await assert.rejects(transfer.copy(source, "none", target));
    terminal.after(200);
    const bytes = formatBytes(moved);
    assert.equal(terminal.line(), `2 of 2 images, ${bytes} of ${bytes}, ${formatBytes(moved / 0.2)}/s`);
    assert.ok(told.includes("moving") && told.includes("done"));
  });
});

test("bytes are told in units of a thousand, and never in more than four digits before the point", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [1_234_567, "1.2 MB"],
    [2.5e9, "2.5 GB"],
    [7e15, "7000.0 TB"],
  ] as const) {
    assert.equal(formatBytes(bytes), text);
  }
  fc.assert(fc.property(fc.nat({ max: 1e15 }), (bytes) => /^\d{1,4}(\.\d)? [kMGT]?B$/.test(formatBytes(bytes))));
});
