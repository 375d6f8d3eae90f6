import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import type { Target } from "../../../lib/oci/content.ts";
import { isManifest } from "../../../lib/oci/descriptor.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { createTransfer } from "../../../lib/oci/transfer.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "../registry/opened-registry.ts";
import { images, methodsOf, openSource, shared, tagOf } from "./sources.ts";

suite("a transfer that is aborted", () => {
  /** A registry that takes uploads and never answers. */
  async function openSilent() {
    const fake = await startFakeRegistry();
    const hanging = { now: 0, began: Promise.withResolvers<void>(), ended: Promise.withResolvers<void>() };
    fake.misbehave(
      "PUT",
      async (request) => {
        hanging.now += 1;
        hanging.began.resolve();
        request.resume();
        await once(request.socket, "close");
        hanging.now -= 1;
        if (hanging.now === 0) hanging.ended.resolve();
      },
      99,
    );
    return { fake, hanging };
  }

  test("ends its transfers and closes its connections, and gives no tag", async () => {
    const { fake, hanging } = await openSilent();
    await using _ = fake;
    await using opened = await openForTest();
    const { source } = await openSource();
    const stopped = new Error("the host shuts down");
    const abort = new AbortController();
    const transfer = createTransfer();
    const copies = images.map((image) =>
      transfer.copy(source, tagOf(image), opened.registries.repository(fake.host, `team/${tagOf(image)}`), {
        signal: abort.signal,
      }),
    );
    await hanging.began.promise;
    abort.abort(stopped);
    for (const one of await Promise.allSettled(copies)) assert.equal("reason" in one && one.reason, stopped);
    await hanging.ended.promise;
    assert.equal(fake.repository("team/v0").tags.size, 0);
  });

  test("leaves the others of the same transfer alone, also those who waited for it", async () => {
    const { source } = await openSource();
    const stopped = new Error("nobody wants it any more");
    const abort = new AbortController();
    const waiting = Promise.withResolvers<void>();
    const memory = openMemory();
    let first = true;
    const target: Target = {
      ...methodsOf(memory),
      async put(descriptor, bytes, options) {
        if (first && !isManifest(descriptor.mediaType) && descriptor.digest === shared.descriptor.digest) {
          first = false;
          waiting.resolve();
          await once(options!.signal!, "abort");
          throw options!.signal!.reason;
        }
        return memory.put(descriptor, bytes, options);
      },
    };
    const transfer = createTransfer();
    const aborted = transfer.copy(source, "v0", target, { signal: abort.signal });
    await waiting.promise;
    const other = transfer.copy(source, "v1", target);
    await new Promise(setImmediate);
    abort.abort(stopped);
    await assert.rejects(aborted, stopped);
    const { blobs } = await other;
    assert.deepEqual(blobs, { moved: 3, mounted: 0, present: 0 });
  });

  test("does nothing when it was aborted before", async () => {
    const { source, asked } = await openSource();
    const signal = AbortSignal.abort(new Error("too late"));
    await assert.rejects(createTransfer().copy(source, "v0", openMemory(), { signal }), { message: "too late" });
    assert.deepEqual(asked, []);
  });
});
