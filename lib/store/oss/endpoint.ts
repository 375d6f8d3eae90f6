import { isIP } from "node:net";
import { RejectedError } from "../../errors.ts";
import type { BucketContext } from "../settings.ts";

/** An address cannot have a bucket in front of it. */
export function isPathStyle(wanted: boolean | undefined, endpoint: string | undefined): boolean {
  if (wanted !== undefined || endpoint === undefined) return wanted ?? false;
  return isIP(new URL(/^https?:/.test(endpoint) ? endpoint : `https://${endpoint}`).hostname) !== 0;
}

/** Without `oss-`, as signatures have it. */
export function regionOf({ settings, env, bucket }: BucketContext): string {
  const endpoint = settings.endpoint ?? env["OSS_ENDPOINT"] ?? "";
  const named =
    settings.region ?? (env["OSS_REGION"] || /\boss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com/.exec(endpoint)?.[1]);
  if (named !== undefined && /^[a-z0-9-]+$/.test(named)) return named.replace(/^oss-/, "");
  throw new RejectedError(
    "CONFIG_INVALID",
    `Cannot open store "oss://${bucket}": its region is not known: set region in stores, or OSS_REGION`,
  );
}
