import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { type BucketContext, configuredKey } from "../settings.ts";

/** How long credentials from files and variables are used before they are read again. Milliseconds. */
const KEY_AGE = 5 * 60_000;

/** Keys of the settings, or of the environment; without them the SDK looks for others where it always does (IRSA, …). */
export function credentialsOf(context: BucketContext): Pick<S3ClientConfig, "credentials"> {
  const { settings, env } = context;
  const isFixed = settings.accessKeyId !== undefined || Boolean(env["AWS_ACCESS_KEY_ID"]);
  if (!isFixed) return {};
  const credentials = async () => {
    const key = (await configuredKey(context)) ?? {
      accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
      accessKeySecret: env["AWS_SECRET_ACCESS_KEY"] ?? "",
      securityToken: env["AWS_SESSION_TOKEN"],
    };
    return {
      accessKeyId: key.accessKeyId,
      secretAccessKey: key.accessKeySecret,
      ...(key.securityToken && { sessionToken: key.securityToken }),
      expiration: new Date(Date.now() + KEY_AGE),
    };
  };
  return { credentials };
}
