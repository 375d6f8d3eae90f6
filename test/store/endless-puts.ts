// A process to be killed: puts objects of 1 MiB, each of one byte value, and says so before each.
import { openStore } from "../../lib/store/index.ts";

const store = await openStore(`file:${process.argv[2]}`);
for (let count = 0; ; count++) {
  const chunk = Buffer.alloc(64 * 1024, count);
  const body = async function* () {
    for (let part = 0; part < 16; part++) yield chunk;
  };
  process.stdout.write(`${count}\n`);
  await Promise.all([
    store.put("overwritten", body()),
    store.put(`new/${count}`, body(), { ifAbsent: true }),
    ...(count > 3 ? [store.delete(`new/${count - 3}`)] : []),
  ]);
}
