import { readFile } from "node:fs/promises";
import * as z from "zod";
import { failureOf, ServiceFailure } from "../objects/service.ts";
import { type AccessKey, type BucketContext, configuredKey, type Environment } from "../settings.ts";
import type { createOssHttp } from "./oss-http.ts";

/** Where the key that signs requests comes from. */
export interface KeySource {
  /** A key that is valid for some time yet. @throws ServiceFailure */
  key(): Promise<AccessKey>;
  /** Another key, if there is one: the service says that this one is valid no more. @throws ServiceFailure */
  replace(key: AccessKey): Promise<AccessKey>;
}

interface Dated {
  readonly key: AccessKey;
  /** When another one should be asked for, and when this one ends. Milliseconds since 1970. */
  readonly fresh: number;
  readonly ends: number;
}

const MINUTE = 60_000;
/** Files and variables are read again after this time: secrets rotate. */
const READ_AGAIN = 5 * MINUTE;
/** Keys of a role are replaced so long before they end. */
const BEFORE_END = 15 * MINUTE;
const SESSION_SECONDS = 3600;
/** Larger is no token. */
const MAX_TOKEN_BYTES = 64 * 1024;

/**
 * The first of these that is there: what the settings name; an access key in the environment (OSS_ACCESS_KEY_ID,
 * OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN, or the same of ALIBABA_CLOUD_); the role of a Kubernetes service account
 * (RRSA: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE).
 */
export function openKeySource(
  context: BucketContext,
  http: ReturnType<typeof createOssHttp>,
  region: string,
  now: () => number = Date.now,
): KeySource {
  let held: Dated | undefined;
  let asking: Promise<Dated> | undefined;

  const fetchKey = async (): Promise<Dated> => {
    const fixed = (await configuredKey(context)) ?? environmentKey(context.env);
    if (fixed !== undefined) return { key: fixed, fresh: now() + READ_AGAIN, ends: Number.POSITIVE_INFINITY };
    const role = roleOf(context.env);
    if (role === undefined) throw new ServiceFailure("denied", "no credentials were found");
    return assumeRole(http, stsUrl(context, region), role, now());
  };

  const source: KeySource = {
    async key() {
      if (held !== undefined && now() < held.fresh) return held.key;
      asking ??= fetchKey().finally(() => {
        asking = undefined;
      });
      try {
        held = await asking;
      } catch (error) {
        // The one at hand still serves: the next request tries again.
        if (held === undefined || now() >= held.ends) throw error;
      }
      return held.key;
    },
    replace(key) {
      // Many requests fail at once with the same key.
      if (held?.key === key) held = undefined;
      return source.key();
    },
  };
  return source;
}

export const isSame = (a: AccessKey, b: AccessKey): boolean =>
  a.accessKeyId === b.accessKeyId && a.accessKeySecret === b.accessKeySecret && a.securityToken === b.securityToken;

function environmentKey(env: Environment): AccessKey | undefined {
  for (const [prefix, token] of [
    ["OSS_", "OSS_SESSION_TOKEN"],
    ["ALIBABA_CLOUD_", "ALIBABA_CLOUD_SECURITY_TOKEN"],
  ] as const) {
    const accessKeyId = env[`${prefix}ACCESS_KEY_ID`];
    const accessKeySecret = env[`${prefix}ACCESS_KEY_SECRET`];
    if (accessKeyId && accessKeySecret) return { accessKeyId, accessKeySecret, securityToken: env[token] || undefined };
  }
  return undefined;
}

interface Role {
  readonly arn: string;
  readonly provider: string;
  readonly tokenFile: string;
  readonly session: string;
}

function roleOf(env: Environment): Role | undefined {
  const arn = env["ALIBABA_CLOUD_ROLE_ARN"];
  const provider = env["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"];
  const tokenFile = env["ALIBABA_CLOUD_OIDC_TOKEN_FILE"];
  if (!arn || !provider || !tokenFile) return undefined;
  return { arn, provider, tokenFile, session: env["ALIBABA_CLOUD_ROLE_SESSION_NAME"] || "stowage" };
}

const stsUrl = ({ settings }: BucketContext, region: string): string =>
  settings.stsEndpoint ?? `https://sts${settings.internal ? "-vpc" : ""}.${region}.aliyuncs.com`;

/** https://api.aliyun.com/document/Sts/2015-04-01/AssumeRoleWithOIDC */
const answerSchema = z.object({
  Credentials: z.object({
    AccessKeyId: z.string().min(1),
    AccessKeySecret: z.string().min(1),
    SecurityToken: z.string().min(1),
    Expiration: z.iso.datetime(),
  }),
});

/** The request is not signed: the token of the service account, read anew each time, proves who asks. */
async function assumeRole(
  http: ReturnType<typeof createOssHttp>,
  endpoint: string,
  { arn, provider, tokenFile, session }: Role,
  now: number,
): Promise<Dated> {
  const url = new URL(endpoint);
  url.search = new URLSearchParams({
    Action: "AssumeRoleWithOIDC",
    Version: "2015-04-01",
    Format: "JSON",
    Timestamp: new Date(now).toISOString().replace(/\.\d+Z$/, "Z"),
  }).toString();
  const content = new URLSearchParams({
    OIDCProviderArn: provider,
    OIDCToken: await readToken(tokenFile),
    RoleArn: arn,
    RoleSessionName: session,
    DurationSeconds: String(SESSION_SECONDS),
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await http.request(url.href, { method: "POST", headers, content }).catch((cause: unknown) => {
    throw failureOf({ status: undefined, code: "", cause });
  });
  const text = answer.data?.toString() ?? "";
  if (answer.status !== 200) throw stsFailure(answer.status, text);
  const { AccessKeyId, AccessKeySecret, SecurityToken, Expiration } = credentialsOf(text);
  const ends = Date.parse(Expiration);
  const key = { accessKeyId: AccessKeyId, accessKeySecret: AccessKeySecret, securityToken: SecurityToken };
  // One that lives shortly is used for half of its time.
  return { key, ends, fresh: Math.max(ends - BEFORE_END, now + (ends - now) / 2) };
}

async function readToken(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new ServiceFailure("denied", `the token file cannot be read: ${cause.code ?? cause.message}`, { cause });
  });
  if (text.length > MAX_TOKEN_BYTES) throw new ServiceFailure("denied", "the token file is too large for one");
  return text.trim();
}

function credentialsOf(text: string): z.output<typeof answerSchema>["Credentials"] {
  try {
    return answerSchema.parse(JSON.parse(text)).Credentials;
  } catch {
    // The text may hold secrets.
    throw new ServiceFailure("unavailable", "the answer of STS is not understood");
  }
}

function stsFailure(status: number, text: string): ServiceFailure {
  const code = /"Code"\s*:\s*"([\w.]{1,100})"/.exec(text)?.[1] ?? "";
  const busy = status >= 500 || status === 429 || code.startsWith("Throttling");
  return new ServiceFailure(busy ? "unavailable" : "denied", `STS answered ${status} ${code}`.trimEnd());
}
