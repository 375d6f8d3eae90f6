import { RejectedError } from "../errors.ts";
import { BLOCK, decodeHeader, decodeText, type TarHeader } from "./tar-header.ts";

/** A regular file in an archive, and where its bytes lie. */
export interface TarEntry {
  /** Relative, with `/`, without `.` and `..`. */
  readonly path: string;
  /** First byte of its data, counted from the start of the archive. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Reads exactly the bytes `start` to `end` (exclusive) of an archive; `end` never lies behind its end. */
export type ReadAt = (start: number, end: number) => Promise<Uint8Array>;

const MAX_ENTRIES = 100_000;
/** Extended headers hold a name and a few numbers. */
const MAX_EXTENSION_BYTES = 64 * 1024;

/**
 * Find the regular files of an uncompressed tar, reading headers only.
 *
 * Understood are ustar, GNU long names, pax `path` and `size`, and GNU's binary sizes. Refused is whatever could point
 * out of the archive or mean two things: absolute names, `..`, links, devices, sparse files, names given twice, and an
 * archive that does not end as a tar does.
 *
 * @param size bytes of the whole archive
 * @throws RejectedError ARCHIVE_INVALID
 */
export async function scanTar(read: ReadAt, size: number): Promise<ReadonlyMap<string, TarEntry>> {
  const files = new Map<string, TarEntry>();
  const directories = new Set<string>();
  let extended: Extension = {};
  let headers = 0;
  for (let at = 0; ; ) {
    const header = at + BLOCK <= size ? decodeHeader(await read(at, at + BLOCK)) : refuse("it is cut off");
    if (header === undefined) {
      await expectEnd(read, at, size);
      return files;
    }
    headers += 1;
    if (headers > MAX_ENTRIES) refuse(`it has more than ${MAX_ENTRIES} entries`);
    const offset = at + BLOCK;
    if (isExtension(header)) {
      extended = { ...extended, ...(await readExtension(read, header, offset, size)) };
      at = endOf(offset, header.size, size);
      continue;
    }
    const name = extended.path ?? decodeText(header.name);
    const entry = { path: pathOf(name), offset, size: extended.size ?? header.size };
    const kind = kindOf(header, name);
    if (kind === "directory") directories.add(entry.path);
    else if (files.has(entry.path)) refuse(`it holds "${entry.path}" twice`);
    else files.set(entry.path, entry);
    if (files.has(entry.path) && directories.has(entry.path)) refuse(`"${entry.path}" is both file and directory`);
    at = kind === "directory" ? offset : endOf(offset, entry.size, size);
    extended = {};
  }
}

/** What extended headers say of the entry that follows. */
interface Extension {
  readonly path?: string;
  readonly size?: number;
}

/** pax (`x`), pax for all that follow (`g`), GNU long name (`L`). */
const isExtension = ({ type }: TarHeader): boolean => type === "x" || type === "g" || type === "L";

async function readExtension(read: ReadAt, header: TarHeader, offset: number, size: number): Promise<Extension> {
  if (header.size > MAX_EXTENSION_BYTES) refuse(`an extended header has ${header.size} bytes`);
  endOf(offset, header.size, size);
  const bytes = await read(offset, offset + header.size);
  if (header.type === "L") return { path: decodeText(bytes).replace(/\0.*$/s, "") };
  const records = paxRecords(bytes);
  if ([...records.keys()].some((key) => key.startsWith("GNU.sparse."))) refuse("it holds a sparse file");
  const path = records.get("path");
  const length = records.get("size");
  if (header.type === "g") {
    if (path !== undefined || length !== undefined) refuse("it gives one name or size to many entries");
    return {};
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) refuse(`"${length.slice(0, 30)}" is not a size`);
  return { ...(path === undefined ? {} : { path }), ...(length === undefined ? {} : { size: Number(length) }) };
}

/** `LENGTH KEY=VALUE\n`, length counting itself: POSIX.1-2017, pax, "pax Extended Header". */
function paxRecords(bytes: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.byteLength; ) {
    const blank = bytes.indexOf(0x20, at);
    const length = /^[1-9]\d{0,5}$/.exec(decodeText(bytes.subarray(at, Math.max(blank, at))))?.[0];
    const end = at + Number(length ?? 0);
    if (length === undefined || end > bytes.byteLength || end <= blank || bytes[end - 1] !== 0x0a) {
      return refuse("an extended header is malformed");
    }
    const record = decodeText(bytes.subarray(blank + 1, end - 1));
    const equals = record.indexOf("=");
    if (equals < 1) refuse("an extended header is malformed");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

function kindOf({ type }: TarHeader, name: string): "file" | "directory" {
  if (type === "5") return "directory";
  if (type === "0" || type === "7") return name.endsWith("/") ? refuse(`"${name}" is no name of a file`) : "file";
  if (type === "1" || type === "2") return refuse(`"${name}" is a link`);
  return refuse(`"${name}" is of type "${type}", neither file nor directory`);
}

/** `./a/b/` and `a/b` are the same; the directory that everything is in is the empty path. */
function pathOf(name: string): string {
  if (name.startsWith("/")) refuse(`"${name.slice(0, 100)}" is an absolute name`);
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) refuse(`"${name.slice(0, 100)}" leads out of it`);
  if (name.includes("\0") || name === "") refuse("a name is empty or holds a NUL");
  return segments.join("/");
}

/** Where the next header is. */
function endOf(offset: number, length: number, size: number): number {
  const end = offset + Math.ceil(length / BLOCK) * BLOCK;
  return end <= size ? end : refuse("it is cut off");
}

/** Two blocks of zeros; what may follow is padding that no reader looks at. */
async function expectEnd(read: ReadAt, at: number, size: number): Promise<void> {
  const last = at + 2 * BLOCK;
  if (last > size || decodeHeader(await read(at + BLOCK, last)) !== undefined) refuse("it does not end as a tar does");
}

function refuse(why: string): never {
  throw new RejectedError("ARCHIVE_INVALID", `Cannot read archive: ${why}`);
}
