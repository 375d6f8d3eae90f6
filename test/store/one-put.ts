// A process to be killed: puts one large object, by the URL, size, seed and settings of its arguments.
import { openStore } from "../../lib/store/index.ts";
import { numberedBytes } from "./numbered-bytes.ts";

const [url = "", size = "0", seed = "0", buckets = "[]"] = process.argv.slice(2);
const store = await openStore(url, { buckets: JSON.parse(buckets) });
process.stdout.write("open\n");
const body = numberedBytes(Number(size), Number(seed));
await store.put("release.tar", body, { identity: `seed ${seed}` });
