/** What an object service holds under a name. */
export interface RemoteObject {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly modified: Date;
  /** Without quotes. Another one when the bytes are others. */
  readonly etag: string;
  /** Of the whole object, in the form of {@linkcode SentPart}, where the service tells it. */
  readonly checksum?: string | undefined;
  /** What the writer of the object left with it, so that he knows it again. Listings do not tell. */
  readonly token?: string | undefined;
}

export interface Opened {
  readonly object: RemoteObject;
  readonly body: AsyncIterableIterator<Uint8Array, undefined>;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
}

/** A part as the service will ask for it in the end. */
export interface SentPart {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  /** What the service and this process agree on, or what the service told; undefined when nothing is known. */
  readonly checksum?: string | undefined;
}

export interface ListedPart extends SentPart {
  readonly modified: Date;
}

export interface OpenUpload {
  readonly name: string;
  readonly id: string;
  readonly begun: Date;
}

export interface CopySource {
  /** Of an object in the same bucket. */
  readonly name: string;
  readonly start: number;
  readonly size: number;
  /** The copy is refused ("changed") when the object has another one. */
  readonly etag: string;
}

/** What a service asks of parts. Bytes. */
export interface PartRules {
  /** Of every part but the last. */
  readonly minPart: number;
  readonly maxPart: number;
  readonly maxParts: number;
}

export interface WriteOptions {
  /** Fail ("exists") when there is an object of that name. */
  readonly ifAbsent: boolean;
  readonly token: string;
}

/**
 * A bucket of an object service: one request per call, no retries. Names are whole, without the prefix of a store.
 *
 * Every method throws ServiceFailure for what the service answers, and the signal's reason when that aborts. What it sends
 * is checked on the way: a part or object that arrived as other bytes is "unavailable".
 */
export interface ObjectService {
  readonly rules: PartRules;
  /** The longest name, in bytes. */
  readonly maxName: number;

  head(name: string, signal?: AbortSignal): Promise<RemoteObject | undefined>;

  /**
   * Bytes `start` to `end` (exclusive, Infinity for all), with start < end, as far as they are there. A start behind the
   * last byte is "outside", except that of an empty object.
   *
   * @param etag of the object they must be from; another one is "changed"
   */
  get(
    name: string,
    range: { readonly start: number; readonly end: number },
    etag: string | undefined,
    signal?: AbortSignal,
  ): Promise<Opened>;

  /** In the byte order of the names. */
  list(prefix: string, after: string | undefined, signal?: AbortSignal): Promise<ListPage<RemoteObject>>;

  put(name: string, bytes: Uint8Array, options: WriteOptions, signal?: AbortSignal): Promise<void>;
  delete(name: string, signal?: AbortSignal): Promise<void>;

  /** @returns the upload's id */
  begin(name: string, token: string, signal?: AbortSignal): Promise<string>;
  sendPart(name: string, id: string, number: number, bytes: Uint8Array, signal?: AbortSignal): Promise<SentPart>;
  /**
   * @param bytes what the source holds, as its reader got it: what was copied is compared with it, as far as the service tells
   *   what that is; other bytes are "changed"
   */
  copyPart(
    name: string,
    id: string,
    number: number,
    source: CopySource,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<SentPart>;
  complete(
    name: string,
    id: string,
    parts: readonly SentPart[],
    options: { readonly ifAbsent: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Aborting what is not there is no failure. */
  abort(name: string, id: string, signal?: AbortSignal): Promise<void>;
  listParts(name: string, id: string, after: string | undefined, signal?: AbortSignal): Promise<ListPage<ListedPart>>;
  listUploads(prefix: string, after: string | undefined, signal?: AbortSignal): Promise<ListPage<OpenUpload>>;

  /** A listed part with its checksum; undefined when it is not known to hold these bytes. */
  confirmed(part: SentPart, bytes: Uint8Array): SentPart | undefined;

  /** The checksum an object of these parts should have; undefined when that cannot be told. */
  checksumOf(parts: readonly SentPart[]): string | undefined;
}

export type FailureKind =
  /** May work later: throttled, broken, not reached, or arrived damaged. */
  | "unavailable"
  /** The credentials do not allow it. */
  | "denied"
  /** Never works: no such bucket, not implemented. */
  | "refused"
  | "absent"
  | "exists"
  | "changed"
  /** The range lies behind the object's end. */
  | "outside"
  | "no upload"
  /** Parts to be joined are not there, or are not as the service wants them. */
  | "no part";

/** What a service answered instead of doing what it was asked. Its text holds no secret. */
export class ServiceFailure extends Error {
  override readonly name = "ServiceFailure";
  readonly kind: FailureKind;
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor(
    kind: FailureKind,
    why: string,
    { retryAfter, cause }: { readonly retryAfter?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(why, { cause });
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

export const isFailure = (error: unknown, ...kinds: readonly FailureKind[]): error is ServiceFailure =>
  error instanceof ServiceFailure && kinds.includes(error.kind);

/** Codes of S3, OSS and those who speak like them, by what they mean; where the code tells more than the status. */
const kinds: Readonly<Record<string, FailureKind>> = {
  NoSuchKey: "absent",
  NotFound: "absent",
  NoSuchBucket: "refused",
  NoSuchUpload: "no upload",
  InvalidPart: "no part",
  InvalidPartOrder: "no part",
  EntityTooSmall: "no part",
  FileAlreadyExists: "exists",
  PreconditionFailed: "changed",
  NotImplemented: "refused",
  // The credentials or the clock are old: they are renewed before the next attempt.
  ExpiredToken: "unavailable",
  RequestTimeTooSkewed: "unavailable",
  // Bytes that were damaged on their way.
  BadDigest: "unavailable",
  InvalidDigest: "unavailable",
  XAmzContentSHA256Mismatch: "unavailable",
  IncompleteBody: "unavailable",
  RequestTimeout: "unavailable",
  // The object may not be changed for a time that nobody waits for.
  FileImmutable: "refused",
};

export interface Answer {
  /** Undefined when there was none. */
  readonly status: number | undefined;
  readonly code: string;
  /** Value of the Retry-After header. */
  readonly retryAfter?: string | undefined;
  readonly cause: unknown;
}

/** What an answer that is no success means. */
export function failureOf({ status, code, retryAfter, cause }: Answer): ServiceFailure {
  const why = status === undefined ? reasonOf(cause) : `the service answered ${status}${code === "" ? "" : ` ${code}`}`;
  return new ServiceFailure(kinds[code] ?? kindOf(status), why, { retryAfter: secondsOf(retryAfter), cause });
}

function kindOf(status: number | undefined): FailureKind {
  // 409: somebody else is at it, in the same moment.
  if (status === undefined || status >= 500 || [408, 409, 429].includes(status)) return "unavailable";
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "absent";
  if (status === 416) return "outside";
  return status === 412 ? "changed" : "refused";
}

/** The value of a Range header; undefined for the whole object. */
export const rangeHeader = ({ start, end }: { readonly start: number; readonly end: number }): string | undefined =>
  start === 0 && end === Infinity ? undefined : `bytes=${start}-${end === Infinity ? "" : end - 1}`;

/** Size of the whole object, by the headers of an answer that may hold a part of it. */
export function wholeSize(contentRange: string | undefined, contentLength: number | undefined): number {
  const size = contentRange === undefined ? contentLength : Number(/\/(\d+)$/.exec(contentRange)?.[1]);
  if (size !== undefined && Number.isSafeInteger(size)) return size;
  throw new ServiceFailure("unavailable", "the service did not say how large the object is");
}

/** An ETag as it is compared: services quote it here and there. */
export const unquoted = (etag: string | undefined): string => (etag ?? "").replaceAll('"', "");

/** Names in listings are encoded as in forms, when that is asked for, so that XML cannot garble them. */
export const formDecoded = (text: string): string => decodeURIComponent(text.replaceAll("+", "%20"));

/** A message of the system or the HTTP client: it names hosts and ports, no headers. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message || ("code" in error ? String(error.code) : error.name) : String(error);

/** Seconds or a date: RFC 9110, 10.2.3. */
function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
