import type { Store } from "../../../lib/store/index.ts";
import { openObjectStore } from "../../../lib/store/objects/object-store.ts";
import type { Patience } from "../../../lib/store/objects/retrying.ts";
import { openOss } from "../../../lib/store/oss/oss.ts";
import { openS3 } from "../../../lib/store/s3/s3.ts";
import { environmentOf } from "../../fakes/object-service/environment.ts";
import { type FakeObjectService, startObjectService } from "../../fakes/object-service/server.ts";

export interface Opened extends AsyncDisposable {
  readonly store: Store;
  readonly service: FakeObjectService;
  /** Bytes of a part. */
  readonly part: number;
}

/** The smallest parts that the drivers make. */
const parts = { oss: 128 * 1024, s3: 5 * 1024 * 1024 };

/** Waits are milliseconds, so that failing takes no time. */
const quick: Patience = { attempts: 4, firstWait: 1, longestWait: 40 };

/** A store on a fake service, in `releases/v1`. */
export async function openOn(kind: "oss" | "s3", patience = quick): Promise<Opened> {
  const service = await startObjectService({ kind });
  const { bucket } = service;
  const context = { bucket, settings: {}, env: environmentOf(service), secret: async () => "" };
  const driver = kind === "oss" ? openOss(context) : openS3(context);
  const store = openObjectStore(driver, { bucketUrl: `${kind}://${bucket}`, prefix: "v1", partBytes: 1, patience });
  return { store, service, part: parts[kind], [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}
