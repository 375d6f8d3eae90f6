import { RejectedError } from "../errors.ts";

/** Headers and the data behind them fill whole blocks of this many bytes. */
export const BLOCK = 512;

/** What a 512-byte tar header says, before extensions have their say. */
export interface TarHeader {
  /** As stored. An extended header may have a better one, so this is not even known to be text. */
  readonly name: Uint8Array;
  /** One character; the NUL of old archives reads as `0`. */
  readonly type: string;
  /** Bytes of data behind the header. */
  readonly size: number;
}

/** Where a field lies: POSIX.1-2017, pax, "ustar Interchange Format". */
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

const USTAR = "ustar\x0000";

/**
 * Read a header: ustar, GNU's variant and the form before both.
 *
 * @returns undefined for a block of zeros, which ends an archive
 * @throws RejectedError ARCHIVE_INVALID
 */
export function decodeHeader(block: Uint8Array): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const field = (name: keyof typeof fields): Uint8Array =>
    block.subarray(fields[name][0], fields[name][0] + fields[name][1]);
  const stated = number(field("checksum"), "checksum");
  if (stated !== checksum(block)) throw refused("a header's checksum is wrong: it is damaged, or no tar at all");
  const type = text(field("type")) || "0";
  const name = untilNul(field("name"));
  // GNU's variant ("ustar  \0") keeps other things where the prefix would be
  const prefix = text(field("magic")) === "ustar" ? untilNul(field("prefix")) : [];
  return {
    name: prefix.length === 0 ? name : Buffer.from([...prefix, 0x2f, ...name]),
    type,
    // a directory's size says nothing about data behind it
    size: type === "5" ? 0 : number(field("size"), "size"),
  };
}

export interface HeaderFields {
  readonly name: string;
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of data behind the header. */
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly linkname?: string;
}

/** Longest name, and link target, that a header holds; what is longer needs a pax record. UTF-8 bytes. */
export const MAX_NAME_BYTES = 100;
/** One more than the largest number that a size or time field holds. */
export const MAX_NUMBER = 8 ** 11;

/** Write a ustar header: owner root, no device. What does not fit must have been said in a pax record before. */
export function encodeHeader({ name, type, mode, size, mtime, linkname = "" }: HeaderFields): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const put = (field: keyof typeof fields, value: string): void => {
    block.write(value, fields[field][0], fields[field][1], "utf8");
  };
  const putNumber = (field: keyof typeof fields, value: number): void =>
    put(field, `${value.toString(8).padStart(fields[field][1] - 1, "0")}\0`);
  put("name", name);
  putNumber("mode", mode);
  putNumber("uid", 0);
  putNumber("gid", 0);
  putNumber("size", size);
  putNumber("mtime", mtime);
  put("type", type);
  put("linkname", linkname);
  put("magic", USTAR);
  put("checksum", `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** The sum of all bytes, the checksum itself counted as blanks. */
function checksum(block: Uint8Array): number {
  const [start, length] = fields.checksum;
  let sum = 0;
  for (const [at, byte] of block.entries()) sum += at >= start && at < start + length ? 0x20 : byte;
  return sum;
}

/** Octal digits; or, where the first bit is set, big-endian binary as GNU writes what is larger. */
function number(field: Uint8Array, what: string): number {
  if (field[0]! >= 0x80) {
    let value = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw refused(`a header's ${what} is out of range`);
    return value;
  }
  const digits = text(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw refused(`a header's ${what} is not a number`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function untilNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

const text = (field: Uint8Array): string => Buffer.from(untilNul(field)).toString("latin1");

/** @throws RejectedError ARCHIVE_INVALID for what is not UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new RejectedError("ARCHIVE_INVALID", "Cannot read archive: a name is not UTF-8", { cause: error });
  }
}

const refused = (why: string): RejectedError => new RejectedError("ARCHIVE_INVALID", `Cannot read archive: ${why}`);
