import { concurrently } from "../../../lib/oci/concurrently.ts";
import { openRegistries } from "../../../lib/oci/registry/registries.ts";
import { createTransfer } from "../../../lib/oci/transfer.ts";

// node copying-process.ts FROM TO COUNT AT_ONCE: copies images; for each blob that has arrived, and at the end, a line of JSON
const [from = "", to = "", count = "", atOnce = ""] = process.argv.slice(2);
const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const transfer = createTransfer({
  onProgress: (progress) => {
    if (progress.step === "arrived") tell({ arrived: progress.descriptor.digest, outcome: progress.outcome });
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
tell({ moved: results.reduce((sum, { bytes }) => sum + bytes.moved, 0) });
process.exit();
