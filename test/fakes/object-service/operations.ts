import { type Bucket, type FakeObject, md5, Refusal } from "./bucket.ts";
import type { Operation, ServiceFault } from "./faults.ts";
import type { Asked } from "./requests.ts";
import type { Element } from "./xml.ts";

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly xml?: readonly [root: string, element: Element];
  readonly body?: Buffer;
}

export interface Dialect {
  readonly kind: "oss" | "s3";
  readonly bucket: string;
  readonly held: Bucket;
}

type Operate = (dialect: Dialect, asked: Asked, fault: ServiceFault["kind"] | undefined) => Answer;

/** What each operation does and answers. A fault is one that happens inside of it. */
export const operations: Readonly<Record<Exclude<Operation, "sts">, Operate>> = {
  put(dialect, { name, body, headers }, fault) {
    const { held } = dialect;
    forbidOverwrite(dialect, name, headers);
    const before = held.objects.get(name);
    const object = held.put(name, fault === "flip" ? flipped(body) : body, tokenIn(dialect, headers));
    if (fault === "forget") {
      if (before) held.objects.set(name, before);
      else held.objects.delete(name);
    }
    return { headers: sums(dialect, object, fault) };
  },

  head: giveObject,
  get: giveObject,

  delete({ held }, { name }) {
    held.objects.delete(name);
    return { status: 204 };
  },

  begin(dialect, { name, headers }) {
    const { id } = dialect.held.begin(name, tokenIn(dialect, headers));
    return { xml: ["InitiateMultipartUploadResult", { Bucket: dialect.bucket, Key: name, UploadId: id }] };
  },

  part(dialect, { name, fields, body }, fault) {
    const upload = dialect.held.upload(name, fields.get("uploadId")!);
    const number = Number(fields.get("partNumber"));
    const part = dialect.held.addPart(upload, number, fault === "flip" ? flipped(body) : body, false);
    if (fault === "forget") upload.parts.delete(number);
    return { headers: sums(dialect, part, fault) };
  },

  copy(dialect, { name, fields, headers }, fault) {
    const { held, kind, bucket } = dialect;
    const prefix = prefixOf(dialect);
    const source = decodeURIComponent(String(headers[`${prefix}copy-source`])).replace(/^\//, "");
    if (kind === "oss" && !String(headers[`${prefix}copy-source`]).startsWith("/"))
      throw new Refusal(400, "InvalidArgument");
    if (!source.startsWith(`${bucket}/`)) throw new Refusal(404, "NoSuchBucket");
    const object = held.object(source.slice(bucket.length + 1));
    if (unquoted(headers[`${prefix}copy-source-if-match`]) !== object.etag)
      throw new Refusal(412, "PreconditionFailed");
    const bytes = rangeIn(object.bytes, headers[`${prefix}copy-source-range`]);
    const upload = held.upload(name, fields.get("uploadId")!);
    const copied = fault === "flip" ? flipped(bytes) : bytes;
    const part = held.addPart(upload, Number(fields.get("partNumber")), copied, true);
    return { xml: ["CopyPartResult", { ETag: `"${part.etag}"`, LastModified: part.modified.toISOString() }] };
  },

  complete(dialect, { name, fields, headers, body }, fault) {
    const { held, bucket } = dialect;
    const upload = held.upload(name, fields.get("uploadId")!);
    forbidOverwrite(dialect, name, headers);
    const listed = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(
      ([, part = ""]) => [Number(inside(part, "PartNumber")), inside(part, "ETag").toLowerCase()] as const,
    );
    const object = held.complete(upload, listed);
    if (fault === "forget") held.objects.delete(name);
    if (fault === "lose a part") held.objects.set(name, { ...object, bytes: object.bytes.subarray(listed.length) });
    if (fault === "flip") {
      const crc = object.crc === undefined ? undefined : object.crc ^ 1n;
      held.objects.set(name, { ...object, etag: `${md5(body)}-${listed.length}`, crc });
    }
    const result = { Bucket: bucket, Key: name, ETag: `"${object.etag}"` };
    return { headers: sums(dialect, object, fault), xml: ["CompleteMultipartUploadResult", result] };
  },

  abort({ held }, { name, fields }) {
    held.uploads.delete(held.upload(name, fields.get("uploadId")!).id);
    return { status: 204 };
  },

  parts({ held, kind, bucket }, { name, fields }) {
    const upload = held.upload(name, fields.get("uploadId")!);
    const after = Number(fields.get("part-number-marker") ?? 0);
    const rest = [...upload.parts].sort(([a], [b]) => a - b).filter(([number]) => number > after);
    const shown = rest.slice(0, Number(fields.get("max-parts") ?? 1000));
    const element = {
      Bucket: bucket,
      Key: name,
      UploadId: upload.id,
      IsTruncated: String(shown.length < rest.length),
      NextPartNumberMarker: String(shown.at(-1)?.[0] ?? 0),
      Part: shown.map(([number, part]) => ({
        PartNumber: String(number),
        LastModified: part.modified.toISOString(),
        ETag: `"${part.etag}"`,
        Size: String(part.bytes.byteLength),
        ...(kind === "oss" && part.crc !== undefined && { HashCrc64ecma: String(part.crc) }),
      })),
    };
    return { xml: ["ListPartsResult", element] };
  },

  uploads({ held, bucket }, { fields }) {
    const place = (one: { readonly name: string; readonly id: string }): string => `${one.name}\0${one.id}`;
    const after = fields.has("key-marker") ? `${fields.get("key-marker")}\0${fields.get("upload-id-marker")}` : "";
    const rest = [...held.uploads.values()]
      .filter((one) => one.name.startsWith(fields.get("prefix") ?? "") && place(one) > after)
      .sort((a, b) => (place(a) < place(b) ? -1 : 1));
    const shown = rest.slice(0, Number(fields.get("max-uploads") ?? 1000));
    const element = {
      Bucket: bucket,
      ...encoding(fields),
      IsTruncated: String(shown.length < rest.length),
      NextKeyMarker: encoded(shown.at(-1)?.name ?? "", fields),
      NextUploadIdMarker: shown.at(-1)?.id ?? "",
      Upload: shown.map(({ name, id, begun }) => ({
        Key: encoded(name, fields),
        UploadId: id,
        Initiated: begun.toISOString(),
      })),
    };
    return { xml: ["ListMultipartUploadsResult", element] };
  },

  list({ held, bucket }, { fields }) {
    const prefix = fields.get("prefix") ?? "";
    const after = fields.get("continuation-token") ?? "";
    const rest = [...held.objects]
      .filter(([name]) => name.startsWith(prefix) && name > after)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const shown = rest.slice(0, Number(fields.get("max-keys") ?? 1000));
    const isTruncated = shown.length < rest.length;
    const element = {
      Name: bucket,
      Prefix: encoded(prefix, fields),
      ...encoding(fields),
      IsTruncated: String(isTruncated),
      ...(isTruncated && { NextContinuationToken: shown.at(-1)![0] }),
      Contents: shown.map(([name, { etag, modified, bytes }]) => ({
        Key: encoded(name, fields),
        LastModified: modified.toISOString(),
        ETag: `"${etag}"`,
        Size: String(bytes.byteLength),
      })),
    };
    return { xml: ["ListBucketResult", element] };
  },
};

function giveObject(dialect: Dialect, { name, headers }: Asked): Answer {
  const object = dialect.held.object(name);
  const wanted = headers["if-match"];
  if (wanted !== undefined && unquoted(wanted) !== object.etag) throw new Refusal(412, "PreconditionFailed");
  const described = {
    ...sums(dialect, object, undefined),
    "last-modified": object.modified.toUTCString(),
    ...(object.token !== undefined && { [`${prefixOf(dialect)}meta-stowage-token`]: object.token }),
  };
  if (headers.range === undefined) return { headers: described, body: object.bytes };
  const body = rangeIn(object.bytes, headers.range);
  const [, start = 0] = /=(\d+)/.exec(headers.range) ?? [];
  const place = `bytes ${start}-${Number(start) + body.byteLength - 1}/${object.bytes.byteLength}`;
  return { status: 206, headers: { ...described, "content-range": place }, body };
}

/** https://help.aliyun.com/en/oss/developer-reference/putobject; S3 has If-None-Match for it. */
function forbidOverwrite({ kind, held }: Dialect, name: string, headers: Asked["headers"]): void {
  if (!held.objects.has(name)) return;
  if (kind === "oss" && headers["x-oss-forbid-overwrite"] === "true") throw new Refusal(409, "FileAlreadyExists");
  if (kind === "s3" && headers["if-none-match"] === "*") throw new Refusal(412, "PreconditionFailed");
}

function sums(
  { kind }: Dialect,
  { etag, crc }: Pick<FakeObject, "etag" | "crc">,
  fault: ServiceFault["kind"] | undefined,
): Readonly<Record<string, string>> {
  const isWrong = fault === "wrong sum";
  const told = isWrong && kind === "s3" ? md5(Buffer.from(etag)) : etag;
  if (kind === "s3" || crc === undefined) return { etag: `"${told}"` };
  return { etag: `"${told}"`, "x-oss-hash-crc64ecma": String(isWrong ? crc ^ 1n : crc) };
}

function rangeIn(bytes: Buffer, range: string | readonly string[] | undefined): Buffer {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(String(range)) ?? [];
  if (from === undefined) throw new Refusal(400, "InvalidArgument");
  if (Number(from) >= bytes.byteLength) throw new Refusal(416, "InvalidRange");
  return bytes.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.byteLength > 0) copy[copy.byteLength >> 1]! ^= 1;
  return copy;
}

const prefixOf = ({ kind }: Dialect): string => (kind === "oss" ? "x-oss-" : "x-amz-");
const tokenIn = (dialect: Dialect, headers: Asked["headers"]): string | undefined =>
  headers[`${prefixOf(dialect)}meta-stowage-token`] as string | undefined;
const unquoted = (text: string | readonly string[] | undefined): string => String(text).replaceAll('"', "");
const inside = (xml: string, name: string): string =>
  (new RegExp(`<${name}>(.*?)</${name}>`, "s").exec(xml)?.[1] ?? "").replace(/&quot;|&#34;|"/g, "");
const encoding = (fields: ReadonlyMap<string, string>): Element =>
  fields.has("encoding-type") ? { EncodingType: fields.get("encoding-type")! } : {};
const encoded = (text: string, fields: ReadonlyMap<string, string>): string =>
  fields.has("encoding-type") ? encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("%20", "+") : text;
