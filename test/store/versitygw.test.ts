import { openStore } from "../../lib/store/index.ts";
import { testStore } from "../contracts/store.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { findProgram } from "../real/programs.ts";
import { startVersitygw } from "../real/versitygw.ts";

// No package has it, so it is not asked for under CI=true either.
if (findProgram("versitygw") === undefined) {
  process.stderr.write("SKIPPED: needs versitygw: go install github.com/versity/versitygw/cmd/versitygw@latest\n");
} else {
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
