import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import OSS from "ali-oss";
import { bodyChunks } from "../objects/body-chunks.ts";
import {
  failureOf,
  isFailure,
  type ListedPart,
  type ListPage,
  type ObjectService,
  type OpenUpload,
  type RemoteObject,
  rangeHeader,
  type SentPart,
  ServiceFailure,
  unquoted,
  wholeSize,
} from "../objects/service.ts";
import type { AccessKey, BucketContext } from "../settings.ts";
import { crc64, joinCrc64 } from "./crc64.ts";
import { isSame, openKeySource } from "./credentials.ts";
import { isPathStyle, regionOf } from "./endpoint.ts";
import { createOssHttp, type Exchange } from "./oss-http.ts";
import { decoded, elements, isTruncated, text, type XmlElement } from "./xml.ts";

/** https://help.aliyun.com/en/oss/developer-reference/limits. 100 KB are the least; a little more is on the safe side. */
const rules = { minPart: 128 * 1024, maxPart: 5 * 1024 ** 3, maxParts: 10_000 };

const TOKEN = "x-oss-meta-stowage-token";
const CHECKSUM = "x-oss-hash-crc64ecma";

/** One request as the SDK takes it: it signs, encodes and reads XML. Its own methods would hide headers and the signal. */
interface SdkRequest {
  readonly method: string;
  readonly object?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly subres?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly content?: string;
  /** The SDK takes whatever its HTTP client takes. */
  readonly stream?: Uint8Array;
  readonly mime?: string;
  readonly successStatuses: readonly number[];
  readonly xmlResponse?: boolean;
  readonly customResponse?: boolean;
}

interface SdkAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly data: XmlElement;
  readonly res: IncomingMessage;
}

/**
 * A bucket of Aliyun OSS.
 *
 * Requests are signed with V4 and go over https, unless the endpoint says http. Everything that is sent is compared by its
 * CRC-64 with what arrived; so is the object that is joined of parts, where the service has the sums of all of them.
 *
 * The SDK signs, encodes and parses. It sends nothing by itself, tries nothing again, and its own multipart upload, which
 * can be cancelled by another one's end, is not used.
 */
export function openOss(context: BucketContext): ObjectService {
  const region = regionOf(context);
  const http = createOssHttp(context.env);
  const keys = openKeySource(context, http, region);
  let client: { readonly key: AccessKey; readonly sdk: { request(params: unknown): Promise<SdkAnswer> } } | undefined;

  const askWith = async (key: AccessKey, params: SdkRequest, signal: AbortSignal | undefined): Promise<SdkAnswer> => {
    if (client?.key !== key) client = { key, sdk: sdkClient(context, region, key, http) };
    const exchange: Exchange = { signal };
    try {
      return await client.sdk.request({ bucket: context.bucket, ...params, ctx: exchange });
    } catch (cause) {
      signal?.throwIfAborted();
      throw failureFrom(cause, exchange);
    }
  };
  const ask = async (params: SdkRequest, signal: AbortSignal | undefined): Promise<SdkAnswer> => {
    signal?.throwIfAborted();
    const key = await keys.key();
    try {
      return await askWith(key, params, signal);
    } catch (error) {
      if (!(error instanceof ServiceFailure && wornKey.has(codeIn(error.cause)))) throw error;
      const other = await keys.replace(key);
      if (isSame(other, key)) throw error;
      return askWith(other, params, signal);
    }
  };

  return {
    rules,
    maxName: 1023,

    async head(name, signal) {
      try {
        const { headers } = await ask({ method: "HEAD", object: name, successStatuses: [200] }, signal);
        return described(name, headers);
      } catch (error) {
        if (isFailure(error, "absent")) return undefined;
        throw error;
      }
    },

    async get(name, range, etag, signal) {
      const wanted = rangeHeader(range);
      const headers = {
        // Otherwise a range that is none would be answered with the whole object.
        ...(wanted !== undefined && { Range: wanted, "x-oss-range-behavior": "standard" }),
        ...(etag !== undefined && { "If-Match": `"${etag}"` }),
      };
      const request = { method: "GET", object: name, headers, successStatuses: [200, 206], customResponse: true };
      const answer = await ask(request, signal);
      return { object: described(name, answer.headers), body: bodyChunks(answer.res, signal) };
    },

    async list(prefix, after, signal): Promise<ListPage<RemoteObject>> {
      const subres = { "list-type": 2, ...(after !== undefined && { "continuation-token": after }) };
      const query = { ...starting(prefix), "max-keys": 1000, "encoding-type": "url" };
      const { data } = await ask({ method: "GET", subres, query, ...xml }, signal);
      const items = elements(data["Contents"]).map((entry) => ({
        name: decoded(entry, data, "Key"),
        size: Number(text(entry, "Size")),
        modified: new Date(text(entry, "LastModified")),
        etag: unquoted(text(entry, "ETag")),
      }));
      return { items, next: isTruncated(data) ? text(data, "NextContinuationToken") : undefined };
    },

    async put(name, bytes, { ifAbsent, token }, signal) {
      const headers = { [TOKEN]: token, "Content-MD5": md5(bytes), ...forbidding(ifAbsent) };
      const request = { method: "PUT", object: name, headers, stream: bytes, successStatuses: [200] };
      checkArrived(await ask(request, signal), bytes);
    },

    async delete(name, signal) {
      await ask({ method: "DELETE", object: name, successStatuses: [204] }, signal);
    },

    async begin(name, token, signal) {
      const headers = { [TOKEN]: token };
      const { data } = await ask({ method: "POST", object: name, subres: { uploads: "" }, headers, ...xml }, signal);
      return text(data, "UploadId");
    },

    async sendPart(name, id, number, bytes, signal): Promise<SentPart> {
      const subres = { partNumber: number, uploadId: id };
      const request = { method: "PUT", object: name, subres, stream: bytes, successStatuses: [200] };
      const answer = await ask(request, signal);
      const checksum = checkArrived(answer, bytes);
      return { number, size: bytes.byteLength, etag: unquoted(answer.headers["etag"]), checksum };
    },

    async copyPart(name, id, number, source, bytes, signal): Promise<SentPart> {
      const headers = {
        "x-oss-copy-source": `/${[context.bucket, ...source.name.split("/")].map(encodeURIComponent).join("/")}`,
        "x-oss-copy-source-range": `bytes=${source.start}-${source.start + source.size - 1}`,
        "x-oss-copy-source-if-match": `"${source.etag}"`,
      };
      const subres = { partNumber: number, uploadId: id };
      const answer = await ask({ method: "PUT", object: name, subres, headers, ...xml }, signal);
      // Where the service has no sum of a copy, it may still tell that of the whole.
      const checksum = crc64(bytes);
      if ((answer.headers[CHECKSUM] ?? checksum) !== checksum) {
        throw new ServiceFailure("changed", "the service copied other bytes than were read");
      }
      return { number, size: source.size, etag: unquoted(text(answer.data, "ETag")), checksum };
    },

    async complete(name, id, parts, { ifAbsent }, signal) {
      const listed = parts.map(
        ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag></Part>`,
      );
      const content = `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`;
      const headers = forbidding(ifAbsent);
      const request = { method: "POST", object: name, subres: { uploadId: id }, headers, content, mime: "xml", ...xml };
      await ask(request, signal);
    },

    async abort(name, id, signal) {
      try {
        await ask({ method: "DELETE", object: name, subres: { uploadId: id }, successStatuses: [204] }, signal);
      } catch (error) {
        if (!isFailure(error, "no upload", "absent")) throw error;
      }
    },

    async listParts(name, id, after, signal): Promise<ListPage<ListedPart>> {
      const query = { "max-parts": 1000, ...(after !== undefined && { "part-number-marker": after }) };
      const { data } = await ask({ method: "GET", object: name, subres: { uploadId: id }, query, ...xml }, signal);
      const items = elements(data["Part"]).map((part) => ({
        number: Number(text(part, "PartNumber")),
        size: Number(text(part, "Size")),
        etag: unquoted(text(part, "ETag")),
        checksum: typeof part["HashCrc64ecma"] === "string" ? part["HashCrc64ecma"] : undefined,
        modified: new Date(text(part, "LastModified")),
      }));
      return { items, next: isTruncated(data) ? text(data, "NextPartNumberMarker") : undefined };
    },

    async listUploads(prefix, after, signal): Promise<ListPage<OpenUpload>> {
      const [key, upload] = after === undefined ? [] : (JSON.parse(after) as string[]);
      const marker = after === undefined ? {} : { "key-marker": key, "upload-id-marker": upload };
      const query = { ...starting(prefix), "max-uploads": 1000, "encoding-type": "url", ...marker };
      const { data } = await ask({ method: "GET", subres: { uploads: "" }, query, ...xml }, signal);
      const items = elements(data["Upload"]).map((entry) => ({
        name: decoded(entry, data, "Key"),
        id: text(entry, "UploadId"),
        begun: new Date(text(entry, "Initiated")),
      }));
      const next = () => JSON.stringify([decoded(data, data, "NextKeyMarker"), text(data, "NextUploadIdMarker")]);
      return { items, next: isTruncated(data) ? next() : undefined };
    },

    confirmed(part, bytes) {
      const checksum = crc64(bytes);
      // A part that was copied may have no sum of its own, but an MD5 as ETag.
      const isSame = (part.checksum ?? part.etag.toLowerCase()) === (part.checksum ? checksum : hash("md5", bytes));
      return isSame ? { ...part, checksum } : undefined;
    },

    checksumOf(parts) {
      const known = parts.flatMap(({ checksum, size }) => (checksum === undefined ? [] : [{ sum: checksum, size }]));
      return known.length === parts.length ? joinCrc64(known) : undefined;
    },
  };
}

/** What is answered to a key that ended, was withdrawn, or whose secret is another by now. */
const wornKey = new Set([
  "SecurityTokenExpired",
  "InvalidSecurityToken",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
]);

const xml = { xmlResponse: true, successStatuses: [200] } as const;

function described(name: string, headers: SdkAnswer["headers"]): RemoteObject {
  return {
    name,
    size: wholeSize(headers["content-range"], Number(headers["content-length"])),
    modified: new Date(headers["last-modified"] ?? 0),
    etag: unquoted(headers["etag"]),
    checksum: headers[CHECKSUM],
    token: headers[TOKEN],
  };
}

function sdkClient(context: BucketContext, region: string, key: AccessKey, urllib: ReturnType<typeof createOssHttp>) {
  const { settings, bucket, env } = context;
  const endpoint = settings.endpoint ?? (env["OSS_ENDPOINT"] || undefined);
  const sdk = new OSS({
    accessKeyId: key.accessKeyId,
    accessKeySecret: key.accessKeySecret,
    // Keys are renewed here, not by the SDK: it counts from its own beginning, and warns when it is not asked to.
    ...(key.securityToken && { stsToken: key.securityToken, refreshSTSTokenInterval: Number.POSITIVE_INFINITY }),
    bucket,
    region: `oss-${region}`,
    internal: settings.internal ?? false,
    secure: true,
    authorizationV4: true,
    ...(endpoint !== undefined && { endpoint, cname: settings.cname ?? false }),
    ...(isPathStyle(settings.pathStyle, endpoint) && { sldEnable: true }),
    // Not in the types.
    ...{ urllib },
  });
  // The types leave out the method that everything else is made of.
  return sdk as unknown as { request(params: unknown): Promise<SdkAnswer> };
}

function failureFrom(cause: unknown, { answer, error }: Exchange): unknown {
  if (error !== undefined) return failureOf({ status: undefined, code: "", cause: error });
  if (answer === undefined) return cause;
  const { status, headers } = answer;
  if (status < 300) return new ServiceFailure("unavailable", "the service's answer is not understood", { cause });
  const delay = Number(headers["x-oss-qos-delay-time"]);
  // Throttled requests say how many milliseconds they were held back.
  const retryAfter = headers["retry-after"] ?? (delay > 0 ? String(Math.ceil(delay / 1000)) : undefined);
  return failureOf({ status, code: codeIn(cause), retryAfter, cause });
}

const codeIn = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

function checkArrived({ headers }: SdkAnswer, bytes: Uint8Array): string | undefined {
  const told = headers[CHECKSUM];
  if (told !== undefined && told !== crc64(bytes)) {
    throw new ServiceFailure("unavailable", "the service got other bytes than it was sent");
  }
  return told;
}

/** The SDK signs a parameter without value otherwise than the service does. */
const starting = (prefix: string): { prefix?: string } => (prefix === "" ? {} : { prefix });
const md5 = (bytes: Uint8Array): string => hash("md5", bytes, "base64");
const forbidding = (ifAbsent: boolean): Record<string, string> =>
  ifAbsent ? { "x-oss-forbid-overwrite": "true" } : {};
