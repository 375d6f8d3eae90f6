import { type FileHandle, realpath } from "node:fs/promises";
import { posix } from "node:path";
import { type ReadLimits, type Segment, scanTar } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { Source } from "./content.ts";
import { openRegular, readRange } from "./disk.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";

/** The files of a tar on disk, read where they lie: nothing is unpacked. */
export interface ArchiveFile {
  /** How the archive is called in messages. */
  readonly name: string;

  /**
   * A file by its path (however it is spelled) or by that of a link to it: always the same object for the same file.
   * Undefined where there is none.
   *
   * @throws RejectedError LAYOUT_INVALID for links that lead in a circle
   */
  find(path: string): Segment | undefined;

  /** A small file, whole. @throws RejectedError LAYOUT_INVALID where it is missing or has more than 4 MiB */
  readSmall(path: string): Promise<Uint8Array>;
}

const MAX_ENTRIES = 100_000;
/** docker links a layer that comes again to where it came first: one step. */
const MAX_STEPS = 8;

/**
 * Open an uncompressed tar and let `read` make a Source of it, which holds the file open until it is disposed.
 *
 * @param links whether the archive may hold links; never such that lead out of it
 * @throws RejectedError ARCHIVE_INVALID for what is no sound tar; TransientError DISK_UNAVAILABLE; what `read` throws
 */
export async function openArchiveFile(
  path: string,
  name: string,
  links: ReadLimits["links"],
  read: (archive: ArchiveFile) => Promise<Source>,
): Promise<Source & AsyncDisposable> {
  const opened = await openRegular(await realpath(path).catch(() => path));
  if (typeof opened === "string") throw new RejectedError("ARCHIVE_INVALID", `Cannot open ${name}: it is ${opened}`);
  const { file, size } = opened;
  try {
    const source = await read(await scan(file, size, name, links));
    return { ...source, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function scan(file: FileHandle, size: number, name: string, links: ReadLimits["links"]): Promise<ArchiveFile> {
  const whole: Segment = { name, size, read: (start, end, signal) => readRange(file, start, end, signal) };
  await refuseCompressed(whole, name);
  /** Files, and where links lead. */
  const entries = new Map<string, Segment | string>();
  try {
    for await (const { type, path, target, offset, size } of scanTar(whole, {
      entries: MAX_ENTRIES,
      bytes: whole.size,
      links,
    })) {
      if (type === "file") entries.set(path, part(whole, path, offset, size));
      else if (type === "link") entries.set(path, target);
      else if (type === "symlink") entries.set(path, posix.join(posix.dirname(path), target));
    }
  } catch (error) {
    // the tar reader does not know what it reads
    if (!(error instanceof RejectedError) || error.code !== "ARCHIVE_INVALID") throw error;
    throw new RejectedError(error.code, `Cannot open ${name}: ${error.message}`, { cause: error });
  }

  const find = (path: string): Segment | undefined => {
    let found = entries.get(posix.normalize(path));
    for (let steps = 0; typeof found === "string"; steps++) {
      if (steps === MAX_STEPS) throw invalid(name, `from ${JSON.stringify(path)} its links lead on and on`);
      found = entries.get(found);
    }
    return found;
  };
  return {
    name,
    find,
    async readSmall(path) {
      const found = find(path);
      if (found === undefined) throw invalid(name, `it holds no ${path}`);
      if (found.size > MAX_MANIFEST_BYTES) throw invalid(name, `its ${path} is larger than 4 MiB`);
      return Buffer.concat(await Array.fromAsync(found.read(0, found.size)));
    },
  };
}

const part = (whole: Segment, name: string, offset: number, size: number): Segment => ({
  name,
  size,
  read: (start, end, signal) => whole.read(offset + start, offset + end, signal),
});

/** How compressed files begin, and what unpacks them: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, and their manuals. */
const compressions: readonly (readonly [magic: string, kind: string, unpack: string])[] = [
  ["1f8b", "gzip", "gunzip"],
  ["28b52ffd", "zstd", "unzstd"],
  ["425a68", "bzip2", "bunzip2"],
  ["fd377a585a00", "xz", "unxz"],
];

/** Blobs of a compressed archive cannot be read where they lie, and unpacking it here would take its whole size. */
async function refuseCompressed(whole: Segment, name: string): Promise<void> {
  const start = Buffer.concat(await Array.fromAsync(whole.read(0, Math.min(6, whole.size)))).toString("hex");
  const [, kind, unpack] = compressions.find(([magic]) => start.startsWith(magic)) ?? [];
  if (kind === undefined) return;
  throw new RejectedError(
    "ARCHIVE_INVALID",
    `Cannot open ${name}: it is compressed with ${kind}; unpack it with ${unpack} first`,
  );
}

const invalid = (name: string, why: string): RejectedError =>
  new RejectedError("LAYOUT_INVALID", `Cannot read ${name}: ${why}`);
