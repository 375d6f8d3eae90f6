import assert from "node:assert/strict";
import { lstat, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openImageArchive } from "../../lib/oci/archive.ts";
import type { Source } from "../../lib/oci/content.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import type { Progress } from "../../lib/oci/transfer.ts";
import { planArchive, writeArchive } from "../../lib/oci/write-archive.ts";
import { imageFixture, putAll, read } from "../contracts/image-fixture.ts";
import { temporaryDirectory } from "./temporary.ts";

const web = imageFixture("web");

/** A place with one image, which remembers what was read of it. */
async function place(): Promise<{ source: Source; opened: string[] }> {
  const memory = openMemory();
  await putAll(memory, web.pieces);
  await memory.tag("1", web.manifest.descriptor);
  const opened: string[] = [];
  const source: Source = {
    name: memory.name,
    resolve: (reference, signal) => memory.resolve(reference, signal),
    tags: (signal) => memory.tags(signal),
    open(descriptor, options) {
      opened.push(descriptor.digest);
      return memory.open(descriptor, options);
    },
  };
  return { source, opened };
}
const options = { names: { name: "1" }, loadable: true } as const;
const blobs = [web.config, ...web.layers].map(({ descriptor }) => descriptor.digest);

test("planning reads manifests, writing reads every blob once", async (t) => {
  const { source, opened } = await place();
  const planned = await planArchive("oci-archive:a", source, "1", options);
  assert.deepEqual(opened, [web.manifest.descriptor.digest]);
  assert.equal(planned.result.blobs.moved, 3);
  const file = join(await temporaryDirectory(t), "a.tar");
  const told: string[] = [];
  await writeArchive(file, planned, { onBlob: ({ descriptor }) => told.push(descriptor.digest) });
  assert.deepEqual(opened.slice(1).sort(), blobs.toSorted());
  assert.deepEqual(told.toSorted(), blobs.toSorted());
  await using archive = await openImageArchive(file);
  for (const { descriptor, bytes } of web.pieces) assert.deepEqual(await read(archive, descriptor), Buffer.from(bytes));
});

test("progress is told blob by blob, and that a copy has failed", async (t) => {
  const { source } = await place();
  const planned = await planArchive("oci-archive:a", source, "1", options);
  const file = join(await temporaryDirectory(t), "a.tar");
  const told: Progress[] = [];
  await writeArchive(file, planned, { onProgress: (progress) => told.push(progress) });
  const steps = told.map(({ step }) => step);
  assert.deepEqual([steps[0], steps.at(-1)], ["planned", "done"]);
  assert.deepEqual(
    told.flatMap((each) => (each.step === "arrived" ? each.descriptor.digest : [])).sort(),
    blobs.toSorted(),
  );
  for (const { descriptor } of [web.config, ...web.layers]) {
    const moved = told.flatMap((each) => (each.step === "moving" && each.descriptor === descriptor ? each.bytes : []));
    assert.deepEqual(
      moved,
      moved.toSorted((a, b) => a - b),
    );
  }
  assert.deepEqual(told[0]?.copy, { source: source.name, reference: "1", target: "oci-archive:a" });

  const failing = writeArchive(join(file, "no"), planned, { onProgress: (progress) => told.push(progress) });
  await assert.rejects(failing, { code: "DISK_UNAVAILABLE" });
  assert.equal(told.at(-1)?.step, "failed");
});

test("a copy that is interrupted leaves what was there, and no other file", async (t) => {
  const { source, opened } = await place();
  const planned = await planArchive("oci-archive:a", source, "1", options);
  const directory = await temporaryDirectory(t);
  const file = join(directory, "a.tar");
  await writeFile(file, "before");
  const stop = new AbortController();
  const ended = writeArchive(file, planned, { onBlob: () => stop.abort(), signal: stop.signal });
  await assert.rejects(ended, { name: "AbortError" });
  assert.equal(opened.length, 2, "only the first blob was read");
  assert.equal(await readFile(file, "utf8"), "before");
  assert.deepEqual(await readdir(directory), ["a.tar"]);
});

test("what a symbolic link points to is written, not the link", async (t) => {
  const { source } = await place();
  const directory = await temporaryDirectory(t);
  const [file, link] = [join(directory, "a.tar"), join(directory, "link.tar")];
  await writeFile(file, "before");
  await symlink(file, link);
  await writeArchive(link, await planArchive("oci-archive:a", source, "1", options));
  assert.ok((await lstat(link)).isSymbolicLink());
  await using archive = await openImageArchive(file);
  assert.equal((await archive.resolve("1")).digest, web.manifest.descriptor.digest);
});
