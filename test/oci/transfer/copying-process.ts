import { concurrently } from "../../../lib/oci/concurrently.ts";
import { openRegistries } from "../../../lib/oci/registry/registries.ts";
import { createTransfer } from "../../../lib/oci/transfer.ts";

// node copying-process.ts FROM TO COUNT AT_ONCE [DIES_AFTER]: copies images and prints how many blobs have arrived and how
// many bytes have moved. Dies as if by kill -9 when so many blobs have arrived: nobody outside could hit that moment.
const [from = "", to = "", count = "", atOnce = "", diesAfter = ""] = process.argv.slice(2);
const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
let arrived = 0;
const transfer = createTransfer({
  onProgress: ({ step }) => {
    if (step === "arrived") arrived += 1;
    if (arrived === Number(diesAfter || Number.NaN)) process.kill(process.pid, "SIGKILL");
  },
});
const results = await concurrently(
  Array.from({ length: Number(count) }, (_, number) => number),
  Number(atOnce),
  (number) =>
    transfer.copy(
      registries.repository(from, `team/app${number}`),
      "v1",
      registries.repository(to, `mirror/app${number}`),
    ),
);
const moved = results.reduce((sum, { bytes }) => sum + bytes.moved, 0);
process.stdout.write(JSON.stringify({ arrived, moved }), () => process.exit());
