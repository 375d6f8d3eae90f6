import { openStore } from "../../lib/store/index.ts";
import { testStore } from "../contracts/store.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { startObjectService } from "../fakes/object-service/server.ts";

for (const [kind, prefix] of [
  ["oss", ""],
  ["s3", "/packages/a b"],
] as const) {
  testStore(
    `${kind}://releases${prefix}`,
    async () => {
      const service = await startObjectService({ kind });
      const bucket = `${kind}://${service.bucket}`;
      const url = `${bucket}${prefix.replace(" ", "%20")}`;
      // Parts of the smallest size that the service takes, so that there are many.
      const store = await openStore(url, { buckets: [{ bucket, partBytes: 1 }], env: environmentOf(service) });
      return { store, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
    },
    { directories: false },
  );
}
