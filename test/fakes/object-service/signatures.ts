import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export interface Signed {
  readonly method: string;
  /** As it was sent, still encoded. */
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Keys {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string | undefined;
}

/** @returns the error's code, undefined when the signature is right */
export type Verify = (request: Signed, bucket: string, keys: (id: string) => Keys | undefined) => string | undefined;

/**
 * Signature V4 of OSS, in the Authorization header or in the query:
 * https://help.aliyun.com/en/oss/developer-reference/recommend-to-use-signature-version-4
 */
export const verifyOss: Verify = ({ method, path, query, headers }, bucket, keys) => {
  const inQuery = new Map(query).get("x-oss-signature");
  const given = inQuery === undefined ? fromHeader(headers.authorization, "OSS4-HMAC-SHA256") : fromQuery(query);
  if (given === undefined) return "AccessDenied";
  const [id = "", date = "", region = "", product = "", kind = ""] = given.credential.split("/");
  const key = keys(id);
  if (key === undefined) return "InvalidAccessKeyId";
  const time = inQuery === undefined ? headers["x-oss-date"] : new Map(query).get("x-oss-date");
  if (typeof time !== "string" || !time.startsWith(date) || product !== "oss" || kind !== "aliyun_v4_request") {
    return "InvalidArgument";
  }
  if (isSkewed(time)) return "RequestTimeTooSkewed";
  const token = headers["x-oss-security-token"] ?? new Map(query).get("x-oss-security-token");
  if (key.securityToken !== token) return "InvalidSecurityToken";
  const signedHeaders = Object.keys(headers)
    .filter((name) => name.startsWith("x-oss-") || ["content-type", "content-md5"].includes(name))
    .concat(given.additional)
    .sort();
  const canonical = [
    method,
    canonicalPath(path, bucket),
    canonicalQuery(
      query.filter(([name]) => name !== "x-oss-signature"),
      false,
    ),
    ...signedHeaders.map((name) => `${name}:${String(headers[name]).trim()}`),
    "",
    given.additional.join(";"),
    inQuery === undefined ? headers["x-oss-content-sha256"] : "UNSIGNED-PAYLOAD",
  ].join("\n");
  const toSign = ["OSS4-HMAC-SHA256", time, `${date}/${region}/oss/aliyun_v4_request`, sha256(canonical)].join("\n");
  const signing = [date, region, "oss", "aliyun_v4_request"].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `aliyun_v4${key.accessKeySecret}`,
  );
  return equal(hmac(signing, toSign).toString("hex"), given.signature) ? undefined : "SignatureDoesNotMatch";
};

/** Signature V4 of AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
export const verifyS3: Verify = ({ method, path, query, headers, body }, _bucket, keys) => {
  const given = fromHeader(headers.authorization, "AWS4-HMAC-SHA256");
  const time = headers["x-amz-date"];
  if (given === undefined || typeof time !== "string") return "AccessDenied";
  const [id = "", date = "", region = ""] = given.credential.split("/");
  const key = keys(id);
  if (key === undefined) return "InvalidAccessKeyId";
  if (isSkewed(time)) return "RequestTimeTooSkewed";
  if (key.securityToken !== headers["x-amz-security-token"]) return "InvalidToken";
  const payload = String(headers["x-amz-content-sha256"]);
  if (payload.startsWith("STREAMING-") || headers["content-encoding"] === "aws-chunked") return "NotImplemented";
  if (payload !== "UNSIGNED-PAYLOAD" && payload !== sha256(body)) return "XAmzContentSHA256Mismatch";
  const canonical = [
    method,
    path,
    canonicalQuery(query, true),
    ...given.signedHeaders.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, " ")}`),
    "",
    given.signedHeaders.join(";"),
    payload,
  ].join("\n");
  const scope = `${date}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const signing = [date, region, "s3", "aws4_request"].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${key.accessKeySecret}`,
  );
  return equal(hmac(signing, toSign).toString("hex"), given.signature) ? undefined : "SignatureDoesNotMatch";
};

interface Given {
  readonly credential: string;
  readonly signature: string;
  readonly additional: readonly string[];
  readonly signedHeaders: readonly string[];
}

function fromHeader(header: string | undefined, scheme: string): Given | undefined {
  if (!header?.startsWith(`${scheme} `)) return undefined;
  const fields = new Map(
    header
      .slice(scheme.length + 1)
      .split(",")
      .map((field) => [field.split("=", 1)[0]!.trim(), field.slice(field.indexOf("=") + 1).trim()]),
  );
  return {
    credential: fields.get("Credential") ?? "",
    signature: fields.get("Signature") ?? "",
    additional: names(fields.get("AdditionalHeaders")),
    signedHeaders: names(fields.get("SignedHeaders")),
  };
}

function fromQuery(query: Signed["query"]): Given | undefined {
  const fields = new Map(query);
  if (fields.get("x-oss-signature-version") !== "OSS4-HMAC-SHA256") return undefined;
  const begun = fields.get("x-oss-date") ?? "";
  if (timeOf(begun) + Number(fields.get("x-oss-expires")) * 1000 < Date.now()) return undefined;
  return {
    credential: fields.get("x-oss-credential") ?? "",
    signature: fields.get("x-oss-signature") ?? "",
    additional: names(fields.get("x-oss-additional-headers")),
    signedHeaders: [],
  };
}

const names = (list: string | undefined): readonly string[] => (list ? list.split(";") : []);

/** The bucket is part of what is signed, also where the host names it. */
function canonicalPath(path: string, bucket: string): string {
  const key = decodeURIComponent(path.startsWith(`/${bucket}/`) ? path.slice(bucket.length + 2) : path.slice(1));
  return `/${bucket}/${key.split("/").map(encoded).join("/")}`;
}

const canonicalQuery = (query: Signed["query"], withEquals: boolean): string =>
  query
    .map(([name, value]) => (value === "" && !withEquals ? encoded(name) : `${encoded(name)}=${encoded(value)}`))
    .sort()
    .join("&");

const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

const timeOf = (time: string): number =>
  Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
const isSkewed = (time: string): boolean => !(Math.abs(timeOf(time) - Date.now()) < 15 * 60_000);
const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const equal = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
