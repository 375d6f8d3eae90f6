import { createHash, hash } from "node:crypto";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { StowageError } from "../../errors.ts";
import { bodyChunks } from "../objects/body-chunks.ts";
import {
  failureOf,
  formDecoded,
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
import type { BucketContext } from "../settings.ts";
import { credentialsOf } from "./credentials.ts";
import { checkArrived, checksumIn, isJoined, isMd5 } from "./etags.ts";

/** Bytes and parts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const rules = { minPart: 5 * 1024 ** 2, maxPart: 5 * 1024 ** 3, maxParts: 10_000 };

/** Milliseconds without a byte in either direction. */
const IDLE = 60_000;
const CONNECT = 10_000;
const TOKEN = "stowage-token";

/**
 * A bucket of S3, or of whatever speaks its protocol (MinIO, Ceph, …).
 *
 * Bodies are sent whole and signed, with their MD5 (Content-MD5), never as aws-chunked: not all services take that. The ETag
 * of the answer must be that MD5, except where the bucket is encrypted by keys of its own; that of the joined object must
 * be the one of its parts.
 */
export function openS3(context: BucketContext): ObjectService {
  const client = new S3Client(clientConfig(context));
  const Bucket = context.bucket;

  return {
    rules,
    maxName: 1024,

    async head(name, signal) {
      try {
        const answer = await asked(
          (options) => client.send(new HeadObjectCommand({ Bucket, Key: name }), options),
          signal,
        );
        return described(name, answer.ContentLength ?? 0, answer);
      } catch (error) {
        if (isFailure(error, "absent")) return undefined;
        throw error;
      }
    },

    async get(name, range, etag, signal) {
      const Range = rangeHeader(range);
      const command = new GetObjectCommand({
        Bucket,
        Key: name,
        ...(Range !== undefined && { Range }),
        ...(etag !== undefined && { IfMatch: quoted(etag) }),
      });
      const answer = await asked((options) => client.send(command, options), signal);
      if (!(answer.Body instanceof Readable))
        throw new ServiceFailure("unavailable", "the service answered without a body");
      const size = wholeSize(answer.ContentRange, answer.ContentLength);
      return { object: described(name, size, answer), body: bodyChunks(answer.Body, signal) };
    },

    async list(prefix, after, signal): Promise<ListPage<RemoteObject>> {
      const page = { Prefix: prefix, ContinuationToken: after, EncodingType: "url" as const };
      const command = new ListObjectsV2Command({ Bucket, ...page });
      const answer = await asked((options) => client.send(command, options), signal);
      const items = (answer.Contents ?? []).map(({ Key = "", Size = 0, LastModified = new Date(0), ETag }) => ({
        name: decoded(Key, answer.EncodingType),
        size: Size,
        modified: LastModified,
        etag: unquoted(ETag),
      }));
      return { items, next: answer.IsTruncated ? answer.NextContinuationToken : undefined };
    },

    async put(name, bytes, { ifAbsent, token }, signal) {
      const md5 = hash("md5", bytes, "buffer");
      const condition = ifAbsent ? { IfNoneMatch: "*" } : {};
      const body = { Body: bytes, ContentMD5: md5.toString("base64"), Metadata: { [TOKEN]: token } };
      const command = new PutObjectCommand({ Bucket, Key: name, ...body, ...condition });
      const answer = await unlessThere(asked((options) => client.send(command, options), signal));
      checkArrived(answer, md5);
    },

    async delete(name, signal) {
      const command = new DeleteObjectCommand({ Bucket, Key: name });
      await asked((options) => client.send(command, options), signal);
    },

    async begin(name, token, signal) {
      const command = new CreateMultipartUploadCommand({ Bucket, Key: name, Metadata: { [TOKEN]: token } });
      const { UploadId } = await asked((options) => client.send(command, options), signal);
      if (UploadId === undefined) throw new ServiceFailure("unavailable", "the service began an upload without an id");
      return UploadId;
    },

    async sendPart(name, id, number, bytes, signal): Promise<SentPart> {
      const md5 = hash("md5", bytes, "buffer");
      const part = { Key: name, UploadId: id, PartNumber: number };
      const command = new UploadPartCommand({ Bucket, ...part, Body: bytes, ContentMD5: md5.toString("base64") });
      const answer = await asked((options) => client.send(command, options), signal);
      const checksum = checkArrived(answer, md5);
      return { number, size: bytes.byteLength, etag: unquoted(answer.ETag), checksum };
    },

    async copyPart(name, id, number, source, bytes, signal): Promise<SentPart> {
      const command = new UploadPartCopyCommand({
        Bucket,
        Key: name,
        UploadId: id,
        PartNumber: number,
        CopySource: [Bucket, ...source.name.split("/")].map(encodeURIComponent).join("/"),
        CopySourceIfMatch: quoted(source.etag),
        CopySourceRange: `bytes=${source.start}-${source.start + source.size - 1}`,
      });
      const answer = await asked((options) => client.send(command, options), signal);
      const { CopyPartResult, ServerSideEncryption } = answer;
      const sum = checksumIn({ ETag: CopyPartResult?.ETag, ServerSideEncryption }, hash("md5", bytes, "buffer"));
      if (sum === "other") throw new ServiceFailure("changed", "the service copied other bytes than were read");
      return { number, size: source.size, etag: unquoted(CopyPartResult?.ETag), checksum: sum };
    },

    async complete(name, id, parts, { ifAbsent }, signal) {
      const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: quoted(etag) }));
      const condition = ifAbsent ? { IfNoneMatch: "*" } : {};
      const upload = { Key: name, UploadId: id, MultipartUpload: { Parts } };
      const command = new CompleteMultipartUploadCommand({ Bucket, ...upload, ...condition });
      await unlessThere(asked((options) => client.send(command, options), signal));
    },

    async abort(name, id, signal) {
      const command = new AbortMultipartUploadCommand({ Bucket, Key: name, UploadId: id });
      try {
        await asked((options) => client.send(command, options), signal);
      } catch (error) {
        if (!isFailure(error, "no upload", "absent")) throw error;
      }
    },

    async listParts(name, id, after, signal): Promise<ListPage<ListedPart>> {
      const command = new ListPartsCommand({ Bucket, Key: name, UploadId: id, PartNumberMarker: after });
      const answer = await asked((options) => client.send(command, options), signal);
      const items = (answer.Parts ?? []).map(({ PartNumber = 0, Size = 0, ETag, LastModified = new Date() }) => ({
        number: PartNumber,
        size: Size,
        etag: unquoted(ETag),
        modified: LastModified,
      }));
      return { items, next: answer.IsTruncated ? answer.NextPartNumberMarker : undefined };
    },

    async listUploads(prefix, after, signal): Promise<ListPage<OpenUpload>> {
      const [KeyMarker, UploadIdMarker] = after === undefined ? [] : (JSON.parse(after) as string[]);
      const page = { Prefix: prefix, KeyMarker, UploadIdMarker, EncodingType: "url" as const };
      const answer = await asked(
        (options) => client.send(new ListMultipartUploadsCommand({ Bucket, ...page }), options),
        signal,
      );
      const items = (answer.Uploads ?? []).map(({ Key = "", UploadId = "", Initiated = new Date() }) => ({
        name: decoded(Key, answer.EncodingType),
        id: UploadId,
        begun: Initiated,
      }));
      const marker = [decoded(answer.NextKeyMarker ?? "", answer.EncodingType), answer.NextUploadIdMarker ?? ""];
      return { items, next: answer.IsTruncated ? JSON.stringify(marker) : undefined };
    },

    confirmed(part, bytes) {
      return part.etag === hash("md5", bytes) ? { ...part, checksum: part.etag } : undefined;
    },

    checksumOf(parts) {
      // Where no part confirmed it, an ETag may be something else than an MD5.
      if (!parts.some(({ checksum }) => checksum) || !parts.every(({ etag }) => isMd5(etag))) return undefined;
      const sum = createHash("md5");
      for (const { etag } of parts) sum.update(etag, "hex");
      return `${sum.digest("hex")}-${parts.length}`;
    },
  };
}

function described(
  name: string,
  size: number,
  { ETag, LastModified, Metadata }: Pick<HeadObjectCommandOutput, "ETag" | "LastModified" | "Metadata">,
): RemoteObject {
  const etag = unquoted(ETag);
  return {
    name,
    size,
    modified: LastModified ?? new Date(0),
    etag,
    checksum: isJoined(etag) ? etag : undefined,
    token: Metadata?.[TOKEN],
  };
}

function clientConfig(context: BucketContext): S3ClientConfig {
  const { settings, env } = context;
  const endpoint = settings.endpoint ?? (env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"] || undefined);
  const region =
    settings.region ?? (env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || (endpoint ? "us-east-1" : undefined));
  const agent = { keepAlive: true, maxSockets: 64, proxyEnv: { ...env } };
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    forcePathStyle: settings.pathStyle ?? endpoint !== undefined,
    // The store tries again by itself.
    maxAttempts: 1,
    followRegionRedirects: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: CONNECT,
      socketTimeout: IDLE,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
    ...credentialsOf(context),
  };
}

/** Send a command; what the service refuses becomes a ServiceFailure. */
async function asked<T>(
  send: (options: { abortSignal?: AbortSignal }) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    return await send(signal === undefined ? {} : { abortSignal: signal });
  } catch (cause) {
    signal?.throwIfAborted();
    // A secret that cannot be read.
    if (cause instanceof StowageError) throw cause;
    if (cause instanceof S3ServiceException) {
      const { $metadata, $response, name } = cause;
      const status = $metadata.httpStatusCode;
      throw failureOf({ status, code: name, retryAfter: $response?.headers["retry-after"], cause });
    }
    if (cause instanceof Error && cause.name === "CredentialsProviderError") {
      throw new ServiceFailure("denied", "no credentials were found", { cause });
    }
    // The system's errors have a code, the client's own timeouts a name.
    if (cause instanceof Error && ("code" in cause || "$metadata" in cause || cause.name === "TimeoutError")) {
      throw failureOf({ status: undefined, code: "", cause });
    }
    throw cause;
  }
}

async function unlessThere<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isFailure(error, "changed")) throw new ServiceFailure("exists", error.message, { cause: error });
    throw error;
  }
}

const quoted = (etag: string): string => `"${etag}"`;

const decoded = (text: string, encoding: string | undefined): string => (encoding === "url" ? formDecoded(text) : text);
