import { RejectedError } from "../errors.ts";
import type { ByteReader } from "./byte-reader.ts";
import {
  blockSize,
  decodeHeader,
  flags,
  hasCanonicalChecksum,
  paddingOf,
  type Header as WrittenHeader,
} from "./header.ts";
import { type EntryType, Names, pathProblem, quoted, targetProblem } from "./paths.ts";
import { decodeText, type PaxFields, readPax } from "./pax.ts";

export interface ReadLimits {
  /** Most entries. */
  readonly entries: number;
  /** Most bytes all files together may have. */
  readonly bytes: number;
  /** Whether links are taken that stay within the archive, or none at all. Default "refuse". */
  readonly links?: "inside" | "refuse" | undefined;
  /**
   * Also refuse what writers do differently and readers pass over: checksums in another form than `tar` writes, and anything
   * but zeros where the last block of a file is filled up. So no bit of a header or filling can change unseen. Default false.
   */
  readonly canonical?: boolean | undefined;
}

/** What a tar says about an entry, found acceptable. */
export interface EntryHead {
  readonly type: EntryType;
  /** Relative, in shortest form: no `./`, no `..`, no slash at the end. */
  readonly path: string;
  /** The path as the archive spells it. */
  readonly written: string;
  /** Bytes of a file; 0 for everything else. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Of a symlink: as it is written. Of a link: the path of an earlier file. Empty for everything else. */
  readonly target: string;
}

/** Bytes of the largest entry that only describes the next one. */
const largestDescription = 64 * 1024;

/** Zeros that may follow the end: GNU tar fills up to 10 KiB, or what it is told. */
const mostPadding = 1024 * 1024;

const types: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  [flags.file]: "file",
  [flags.link]: "link",
  [flags.symlink]: "symlink",
  [flags.directory]: "directory",
};

/**
 * The entries of a tar: ustar, GNU (long names, base 256), PAX (path, linkpath, size), and what was before them. Refused
 * is what {@linkcode readTar} says. The bytes are read to their end.
 *
 * Whoever takes an entry brings the reader behind its content and padding before asking for the next one.
 *
 * @throws RejectedError ARCHIVE_INVALID
 */
export async function* tarEntries(reader: ByteReader, limits: ReadLimits): AsyncGenerator<EntryHead, void, undefined> {
  const walk = walkTar(limits);
  for (let step = walk.next(); !step.done; ) {
    if (typeof step.value === "number") step = walk.next(await reader.exactly(step.value));
    else {
      yield step.value;
      step = walk.next();
    }
  }
}

/**
 * The same for bytes that come in whatever way. It gives a number where it needs so many bytes: they are to be passed to
 * `next`, and fewer only where the tar ends.
 */
export function* walkTar(limits: ReadLimits): Generator<number | EntryHead, void, Uint8Array> {
  const names = new Names();
  let entries = 0;
  let bytes = 0;
  for (;;) {
    const described = yield* readDescribed(limits.canonical ?? false, () => {
      if (++entries > limits.entries) throw refused(`it has more than ${limits.entries} entries`);
    });
    if (described === "end") break;
    const entry = interpret(described, limits, names);
    if (entry === "root") continue;
    bytes += entry.size;
    if (bytes > limits.bytes) throw refused(`its files have more than ${limits.bytes} bytes`);
    yield entry;
  }
  yield* expectZeros();
}

/** A part of that walk. */
type Reading<T> = Generator<number, T, Uint8Array>;

type Header = Omit<WrittenHeader, "mtime">;

interface Described {
  readonly header: Header;
  /** What GNU or PAX entries before it said. */
  readonly path: string | undefined;
  readonly target: string | undefined;
  readonly size: number;
}

/** Read up to the next entry that is one itself, with all that describes it. */
function* readDescribed(canonical: boolean, count: () => void): Reading<Described | "end"> {
  let path: string | undefined;
  let target: string | undefined;
  let pax: PaxFields | undefined;
  for (;;) {
    const header = yield* readHeader(canonical);
    if (header === "end") {
      if (path === undefined && target === undefined && pax === undefined) return "end";
      throw refused("it ends with a description of an entry that does not follow");
    }
    if (header.flag === flags.longPath && path === undefined) {
      path = longText(yield* readDescription(header));
    } else if (header.flag === flags.longTarget && target === undefined) {
      target = longText(yield* readDescription(header));
    } else if (header.flag === flags.extended && pax === undefined) {
      pax = accepted(readPax(yield* readDescription(header)));
    } else if (header.flag === flags.global) {
      // git writes one with a comment. One that names or measures all entries would be nonsense.
      count();
      const fields = accepted(readPax(yield* readDescription(header)));
      if (Object.keys(fields).length > 0) throw refused("a global PAX header describes all entries");
    } else {
      count();
      if ((path !== undefined && pax?.path !== undefined) || (target !== undefined && pax?.linkpath !== undefined)) {
        throw refused("GNU and PAX describe the same entry");
      }
      return { header, path: path ?? pax?.path, target: target ?? pax?.linkpath, size: pax?.size ?? header.size };
    }
  }
}

function* readHeader(canonical: boolean): Reading<Header | "end"> {
  const block = yield* readBlocks(blockSize);
  const header = decodeHeader(block);
  if (header !== "end" && canonical && !hasCanonicalChecksum(block)) throw refused("a header has an unusual checksum");
  if (header !== "end") return accepted(header);
  const second = decodeHeader(yield* readBlocks(blockSize));
  if (second !== "end") throw refused("something follows a block of zeros");
  return "end";
}

function* readDescription({ size }: Header): Reading<Uint8Array> {
  if (size > largestDescription) throw refused(`a description of an entry has more than ${largestDescription} bytes`);
  return (yield* readBlocks(size + paddingOf(size))).subarray(0, size);
}

function* readBlocks(size: number): Reading<Uint8Array> {
  return whole(yield size, size);
}

/** @throws RejectedError ARCHIVE_INVALID where there are fewer bytes than that */
export function whole(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.byteLength < size) throw truncated();
  return bytes;
}

/** @throws RejectedError ARCHIVE_INVALID for what fills the last block of a file, where it may only be zeros */
export function checkPadding(padding: Uint8Array, path: string, { canonical }: ReadLimits): void {
  if (canonical && !isZero(padding)) throw refused(`what fills the last block of ${quoted(path)} is not zeros`);
}

/** GNU ends its long names with a NUL. */
function longText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return textOf(end === -1 ? bytes : bytes.subarray(0, end));
}

/** @returns the checked entry; "root" for the directory itself (`./`), which GNU tar writes and which says nothing */
function interpret(described: Described, limits: ReadLimits, names: Names): EntryHead | "root" {
  const { header, size } = described;
  const written = described.path ?? textOf(header.path);
  const refuse = (why: string): never => {
    throw refused(`entry ${quoted(written)}: ${why}`);
  };
  const type = types[header.flag];
  if (type === undefined) return refuse(`its kind ${quoted(header.flag)} is not allowed`);
  if (type !== "file" && size > 0) refuse(`it is a ${type} and has content`);
  if (type === "file" && written.endsWith("/")) refuse("it is a file and named like a directory");
  const path = shortest(written);
  if (type === "directory" && path === "" && written.startsWith(".")) return "root";
  const problem = pathProblem(path) ?? names.admit(path, type);
  if (problem !== undefined) refuse(problem);
  if (type === "file" || type === "directory") return { type, path, written, size, mode: header.mode, target: "" };

  if (limits.links !== "inside") refuse(`it is a ${type}, and links are not allowed`);
  const target = described.target ?? textOf(header.target);
  if (type === "symlink") {
    const astray = targetProblem(path, target);
    if (astray !== undefined) refuse(astray);
    return { type, path, written, size, mode: header.mode, target };
  }
  const original = shortest(target);
  if (original === path || !names.isFile(original)) refuse("it links to what is no earlier file");
  return { type, path, written, size, mode: header.mode, target: original };
}

/** Without `.` and empty parts; a leading slash stays, to be refused. */
const shortest = (path: string): string =>
  path
    .split("/")
    .filter((part, index) => part !== "." && (part !== "" || index === 0))
    .join("/");

/** Other bytes would be content that only some readers see. */
function* expectZeros(): Reading<void> {
  for (let left = mostPadding; left > 0; left -= zeros.byteLength) {
    const bytes = yield zeros.byteLength;
    if (!isZero(bytes)) throw refused("something follows its end");
    if (bytes.byteLength < zeros.byteLength) return;
  }
  throw refused(`more than ${mostPadding} bytes follow its end`);
}

/** As many as are looked at in one piece. */
const zeros = new Uint8Array(64 * 1024);
const isZero = (bytes: Uint8Array): boolean => Buffer.compare(bytes, zeros.subarray(0, bytes.byteLength)) === 0;

function accepted<T extends object>(result: T | { readonly problem: string }): T {
  if ("problem" in result) throw refused(result.problem);
  return result;
}

function textOf(bytes: Uint8Array): string {
  const text = decodeText(bytes);
  if (text === undefined) throw refused("a name is not UTF-8");
  return text;
}

export const truncated = (): RejectedError => refused("it is cut short");
const refused = (why: string): RejectedError => new RejectedError("ARCHIVE_INVALID", `Cannot read archive: ${why}`);
