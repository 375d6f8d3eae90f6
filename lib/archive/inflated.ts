import { kMaxLength } from "node:buffer";
import { pipeline } from "node:stream/promises";
import { createGunzip, gunzipSync } from "node:zlib";
import { RejectedError } from "../errors.ts";
import { header, trailerSize } from "./block-layout.ts";

export interface InflateLimits {
  /** Most bytes that may come out. */
  readonly bytes: number;
  /** Most bytes out per byte in, once a megabyte came out. Default 200; text rarely exceeds 20, a bomb reaches 1,000. */
  readonly ratio?: number | undefined;
}

const defaultRatio = 200;
/** Output below this is never called a bomb: an almost empty tar has 10 KiB of zeros. */
const harmless = 1024 * 1024;
const chunkSize = 64 * 1024;

/**
 * Inflate gzip (all members, as gzip does) as it flows in, bounded.
 *
 * @throws RejectedError ARCHIVE_INVALID for damaged or truncated gzip, or more output than allowed; errors of the source
 * pass as they are
 */
export async function* gunzipBounded(
  source: AsyncIterable<Uint8Array>,
  { bytes: limit, ratio = defaultRatio }: InflateLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  let given = 0;
  const gunzip = createGunzip({ chunkSize });
  const feeding = pipeline(source, gunzip);
  // Its failure is gunzip's failure as well, which is waited for below.
  feeding.catch(() => {});
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      given += chunk.byteLength;
      if (given > limit) throw refused(`it inflates to more than ${limit} bytes`);
      if (given > Math.max(harmless, gunzip.bytesWritten * ratio)) throw refused(`it inflates more than ${ratio}-fold`);
      yield chunk;
    }
  } catch (error) {
    if (isZlibError(error)) throw refused(error.message, error);
    throw error;
  } finally {
    gunzip.destroy();
  }
}

/**
 * Inflate gzip that lies in memory, at once and without waiting: the content that {@linkcode gunzipBounded} gives. The ratio
 * is that of the whole.
 *
 * @returns bytes whose memory nothing else lies in; undefined where the archive is damaged, or more would come out than the
 * limits allow: {@linkcode gunzipBounded} gives what comes before that, and says why
 */
export function gunzipAtOnce(
  archive: Uint8Array,
  { bytes: limit, ratio = defaultRatio }: InflateLimits,
): Uint8Array<ArrayBuffer> | undefined {
  if (archive.byteLength < header.byteLength + trailerSize) return undefined;
  const most = Math.min(limit, Math.max(harmless, archive.byteLength * ratio), kMaxLength);
  const room = Math.max(chunkSize, Math.min(saidSize(archive), most));
  try {
    // with one byte to spare, so that no second chunk is begun, and nothing put together; far too large for Node's pool
    return gunzipSync(archive, { chunkSize: room + 1, maxOutputLength: most });
  } catch (error) {
    if (isZlibError(error) || (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw error;
  }
}

/** What gzip says at its end about the size of its last member (RFC 1952, 2.3.1). Not to be trusted. */
const saidSize = ({ buffer, byteOffset, byteLength }: Uint8Array): number =>
  new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true);

/**
 * The bytes, inflated when they begin like gzip and as they are otherwise: names lie, older `.tar.gz` are plain tar.
 * Bounded alike, either way.
 *
 * @throws RejectedError ARCHIVE_INVALID
 */
export async function* inflated(
  source: AsyncIterable<Uint8Array>,
  limits: InflateLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let known = 0;
  const whole = (async function* () {
    try {
      yield* head;
      for (let step = await iterator.next(); !step.done; step = await iterator.next()) yield step.value;
    } finally {
      await iterator.return?.();
    }
  })();
  // Two bytes tell gzip (RFC 1952, 2.3.1), and no tar begins with them.
  while (known < 2) {
    const step = await iterator.next();
    if (step.done) break;
    head.push(step.value);
    known += step.value.byteLength;
  }
  const [first, second] = Buffer.concat(head);
  yield* first === 0x1f && second === 0x8b ? gunzipBounded(whole, limits) : bounded(whole, limits.bytes);
}

async function* bounded(source: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array, void, undefined> {
  let given = 0;
  for await (const chunk of source) {
    given += chunk.byteLength;
    if (given > limit) throw refused(`it is larger than ${limit} bytes`);
    yield chunk;
  }
}

const refused = (why: string, cause?: unknown): RejectedError =>
  new RejectedError("ARCHIVE_INVALID", `Cannot inflate archive: ${why}`, { cause });

/** Codes of zlib errors begin with `Z_` (https://nodejs.org/api/zlib.html#constants). */
const isZlibError = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
