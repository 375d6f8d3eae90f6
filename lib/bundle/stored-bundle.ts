import type { Origin, Segment } from "../archive/index.ts";
import { RejectedError, TransientError } from "../errors.ts";
import { type Stat, urlOfKey } from "../store/index.ts";
import { readBuildRecord, sumsKey, volumeSumsKey } from "./build-record.ts";
import { parseSums } from "./checksums.ts";
import type { Files } from "./files.ts";
import { MOST_VOLUMES, volumeKey } from "./volumes.ts";

/** A bundle as it lies somewhere, in one piece or in volumes. */
export interface StoredBundle extends Segment {
  readonly name: string;
  /** Each with what a file beside it says of it. One: the bundle itself. */
  readonly volumes: readonly { readonly name: string; readonly size: number; readonly sha256?: string | undefined }[];
  /** Of the whole, in hex, as `<name>.sha256` says; absent where there is none. */
  readonly sha256?: string | undefined;
  /** Of one that is gzip, as its record says: how its content is framed. */
  readonly runs?: readonly number[] | undefined;
}

/** Lists of checksums are some lines. */
const MAX_SUMS = 1024 * 1024;

/**
 * Find a bundle by its name. Where it was split, that is the name before `.001`, or the name of the first volume.
 *
 * @throws RejectedError STORE_NOT_FOUND; ARCHIVE_INVALID when what lies beside it as its checksums is none
 */
export async function openBundle(files: Files, name: string, signal?: AbortSignal): Promise<StoredBundle> {
  const whole = await files.stat(name, signal);
  const base = name.replace(/\.001$/, "");
  const isVolume = whole === undefined || base !== name;
  const parts = whole === undefined || isVolume ? await volumesAt(files, base, signal) : [whole];
  if (parts.length === 0) throw new RejectedError("STORE_NOT_FOUND", `Cannot find bundle "${name}": there is none`);
  const key = isVolume ? base : name;
  const [sums, volumeSums] = [
    await readSums(files, sumsKey(key), signal),
    isVolume ? await readSums(files, volumeSumsKey(key), signal) : undefined,
  ];
  const sha256 = sums?.get(baseName(key));
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return {
    name: key,
    size,
    sha256,
    runs: (await readBuildRecord(files, key, signal))?.runs,
    volumes: parts.map((part) => ({
      name: part.key,
      size: part.size,
      sha256: isVolume ? volumeSums?.get(baseName(part.key)) : sha256,
    })),
    origin: (start, end) => originIn(parts, files, start, end),
    async *read(start, end, stop) {
      let offset = 0;
      for (const part of parts) {
        const [from, to] = [Math.max(0, start - offset), Math.min(part.size, end - offset)];
        offset += part.size;
        if (from >= to) continue;
        const now = await files.get(part.key, { start: from, end: to, signal: stop });
        if (now.version !== part.version) {
          await now.body[Symbol.asyncIterator]().return?.();
          throw new TransientError("STORE_UNAVAILABLE", `Cannot read "${part.key}": it was overwritten meanwhile`);
        }
        yield* now.body;
      }
    },
  };
}

/** Where a range lies in the store; undefined where it goes over two volumes. */
function originIn(parts: readonly Stat[], { url }: Files, start: number, end: number): Origin | undefined {
  let offset = 0;
  for (const { key, size, version } of parts) {
    if (url !== undefined && offset <= start && end <= offset + size) {
      return { url: urlOfKey(url, key), version, start: start - offset, form: "plain" };
    }
    offset += size;
  }
  return undefined;
}

async function volumesAt(files: Files, base: string, signal: AbortSignal | undefined) {
  const volumes = [];
  for (let number = 1; number <= MOST_VOLUMES; number++) {
    const stat = await files.stat(volumeKey(base, number), signal);
    if (stat === undefined) break;
    volumes.push(stat);
  }
  return volumes;
}

async function readSums(
  files: Files,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string> | undefined> {
  if ((await files.stat(key, signal)) === undefined) return undefined;
  const { size, body } = await files.get(key, { end: MAX_SUMS, signal });
  const text = Buffer.concat(await Array.fromAsync(body)).toString("utf8");
  const sums = size > MAX_SUMS ? undefined : parseSums(text);
  if (sums === undefined) {
    throw new RejectedError("ARCHIVE_INVALID", `Cannot read "${key}": it is no list of checksums`);
  }
  return sums;
}

const baseName = (key: string): string => key.slice(key.lastIndexOf("/") + 1);
