import { fileURLToPath } from "node:url";
import { RejectedError } from "../errors.ts";
import { isKey } from "./keys.ts";
import type { ObjectService } from "./objects/service.ts";
import type { BucketContext, BucketSettings, Environment, SecretPlace } from "./settings.ts";
import type { Store } from "./store.ts";

export interface OpenStoreOptions {
  /** How buckets are reached: the one whose `bucket` is that of the URL counts. */
  readonly buckets?: readonly BucketSettings[] | undefined;
  /** What the settings leave open comes from here. Default: process.env */
  readonly env?: Environment | undefined;
  /** Reads the secrets that the settings point to. */
  readonly secret?: ((place: SecretPlace) => Promise<string>) | undefined;
}

/**
 * Open a store by URL. The driver is loaded when it is needed.
 *
 * - `file:DIR`: a directory as the system names it, relative ones to the working directory; `file:///DIR` is a URL,
 *   percent-encoded. It is made if it does not exist.
 * - `memory:`: a new, empty store that ends with the process.
 * - `s3://BUCKET/PREFIX`, `oss://BUCKET/PREFIX`: part of a bucket of S3 (or what speaks its protocol) or Aliyun OSS. The
 *   prefix is percent-encoded and may be missing. Nothing is asked of the service before the first method is called.
 *
 * @throws RejectedError STORE_URL_INVALID; CONFIG_INVALID when a bucket's region is not known; whatever else the driver
 *   throws on opening
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  if (url === "memory:") {
    const { openMemoryStore } = await import("./memory.ts");
    return openMemoryStore();
  }
  if (url.startsWith("file:")) {
    const directory = directoryOf(url);
    const { openFileStore } = await import("./file.ts");
    return openFileStore(directory);
  }
  if (url.startsWith("s3://") || url.startsWith("oss://")) return openBucket(url, options);
  // The rest of the URL may hold credentials.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? "no scheme";
  throw refused(`"${scheme}"`, "file:DIR, file:///DIR, s3://BUCKET, oss://BUCKET and memory: are supported");
}

async function openBucket(url: string, { buckets = [], env = process.env, secret }: OpenStoreOptions): Promise<Store> {
  const { scheme, bucket, prefix } = placeOf(url);
  const bucketUrl = `${scheme}://${bucket}`;
  const settings = buckets.find((one) => one.bucket === bucketUrl) ?? {};
  const { openObjectStore } = await import("./objects/object-store.ts");
  const service = await openService(scheme, { bucket, settings, env, secret: secret ?? noSecrets });
  return openObjectStore(service, { bucketUrl, prefix, ...settings });
}

async function openService(scheme: "s3" | "oss", context: BucketContext): Promise<ObjectService> {
  if (scheme === "s3") return (await import("./s3/s3.ts")).openS3(context);
  return (await import("./oss/oss.ts")).openOss(context);
}

const noSecrets = async (): Promise<never> => {
  throw new RejectedError("CONFIG_INVALID", "Cannot use secrets of a store: nothing here reads them");
};

function placeOf(url: string): { readonly scheme: "s3" | "oss"; readonly bucket: string; readonly prefix: string } {
  // What is between the scheme and the bucket, or behind the prefix, may be a secret.
  const [, scheme, bucket = "", rest = ""] = /^(s3|oss):\/\/([^/]*)(?:\/(.*))?$/s.exec(url) ?? [];
  if (!/^[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]$/.test(bucket)) throw refused(`"${scheme}://…"`, "it names no bucket");
  const prefix = decodedPrefix(rest.replace(/\/$/, ""));
  if (prefix === undefined || (prefix !== "" && !isKey(prefix))) {
    throw refused(`"${scheme}://${bucket}/…"`, "its prefix could not begin a key");
  }
  return { scheme: scheme === "s3" ? "s3" : "oss", bucket, prefix };
}

function decodedPrefix(text: string): string | undefined {
  // A query or fragment is none of a bucket's.
  if (/[?#]/.test(text)) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function directoryOf(url: string): string {
  const rest = url.slice("file:".length);
  if (rest === "" || rest.includes("\0")) throw refused(`"${url}"`, "it names no directory");
  if (!rest.startsWith("//")) return rest;
  try {
    const parsed = new URL(url);
    if (parsed.search === "" && parsed.hash === "") return fileURLToPath(parsed);
  } catch (cause) {
    throw refused(`"${url}"`, "it is not a file URL of this machine", cause);
  }
  throw refused(`"${url}"`, "a file URL has neither query nor fragment");
}

const refused = (url: string, why: string, cause?: unknown): RejectedError =>
  new RejectedError("STORE_URL_INVALID", `Cannot open store ${url}: ${why}`, { cause });
