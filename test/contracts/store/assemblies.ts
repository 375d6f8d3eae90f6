import assert from "node:assert/strict";
import { assembled, type ObjectRange, type RangeBody } from "../../../lib/store/index.ts";
import { collect, once, type Promised, read } from "./support.ts";

export function assemblies(promise: Promised): void {
  promise("makes an object of its own objects' ranges and other bytes", async (store) => {
    const blob = (size: number, seed: number): Buffer =>
      Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * seed) % 251));
    const blobs = [blob(700_000, 3), blob(5, 5), blob(900_001, 7)];
    const pieces: (ObjectRange | RangeBody)[] = [];
    const whole: Buffer[] = [];
    for (const [index, bytes] of blobs.entries()) {
      const key = `blobs/${index} +%`;
      await store.put(key, bytes);
      const { version } = (await store.stat(key))!;
      const head = Buffer.alloc(512, index);
      pieces.push(
        { size: head.byteLength, read: (start, end) => once(head.subarray(start, end)) },
        { key, start: 1, size: bytes.byteLength - 1, version },
      );
      whole.push(head, bytes.subarray(1));
    }
    const body = assembled(store, pieces);
    assert.equal(await store.put("whole", body), "written");
    assert.deepEqual(await read(store, "whole"), Buffer.concat(whole));
    const part = Buffer.concat(await collect(body.read(600, 800_000)));
    assert.deepEqual(part, Buffer.concat(whole).subarray(600, 800_000));

    await store.put("blobs/0 +%", "changed");
    await assert.rejects(store.put("whole", body), { name: "TransientError", code: "STORE_UNAVAILABLE" });
    assert.deepEqual(await read(store, "whole"), Buffer.concat(whole));
  });
}
