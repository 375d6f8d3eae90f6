import { openStore } from "../../lib/store/index.ts";
import { testStore } from "../contracts/store.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { requiringVersitygw, startVersitygw } from "../real/versitygw.ts";

if (requiringVersitygw().skip === undefined) {
  testStore(
    "s3:, on versitygw",
    async () => {
      const server = await startVersitygw();
      const bucket = `s3://${server.bucket}`;
      const buckets = [{ bucket, partBytes: 1 }];
      const store = await openStore(`${bucket}/packages`, { buckets, env: environmentOf(server) });
      return { store, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
    { directories: false },
  );
}
