/**
 * The 512-byte header of tar, both ways.
 *
 * Two dialects: POSIX ustar (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "ustar Interchange
 * Format") and GNU (https://www.gnu.org/software/tar/manual/html_node/Standard.html), which has no prefix field but
 * numbers in base 256 and extra entries for long names. The form before both, without magic and prefix, is only read.
 */

export const blockSize = 512;

/** Bytes that fill content up to whole blocks. */
export const paddingOf = (size: number): number => (blockSize - (size % blockSize)) % blockSize;

/** Type flags. `long…` (GNU) and `extended`, `global` (PAX) are entries that describe the next entries. */
export const flags = {
  file: "0",
  link: "1",
  symlink: "2",
  directory: "5",
  longTarget: "K",
  longPath: "L",
  extended: "x",
  global: "g",
} as const;

export interface Header {
  readonly flag: string;
  /** Prefix and name joined; as it stands in the archive, not yet trusted, perhaps cut short. */
  readonly path: Uint8Array;
  readonly mode: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly target: Uint8Array;
}

type Field = readonly [offset: number, length: number];

const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  flag: [156, 1],
  target: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, Field>;

/** "ustar", NUL and version "00". */
const posixMagic = Buffer.from("ustar\x0000", "latin1");
const gnuMagic = Buffer.from("ustar  \0", "latin1");
const noMagic = Buffer.alloc(8);

const slash = 0x2f;
const blank = 0x20;
const zero = 0x30;
const seven = 0x37;

/** The largest number that a size or time field holds in octal: 8 GiB - 1. */
export const largestOctal = 0o77777777777;

/** Bytes a name or target field holds. */
export const shortPath = fields.name[1];

/** Where a path divides into ustar's prefix and name: 0 when it fits into the name alone, -1 when it fits nowhere. */
export function splitAt(path: Uint8Array): number {
  if (path.byteLength <= shortPath) return 0;
  const at = path.indexOf(slash, path.byteLength - shortPath - 1);
  return at > 0 && at <= fields.prefix[1] && at < path.byteLength - 1 ? at : -1;
}

/**
 * One header block. Owner is 0 and nameless.
 *
 * @param gnu write GNU's dialect: path and target are cut to 100 bytes, the size may be larger than octal holds.
 * Otherwise the caller has checked that everything fits.
 */
export function encodeHeader({ flag, path, mode, size, mtime, target }: Header, gnu: boolean): Uint8Array {
  const block = Buffer.alloc(blockSize);
  const split = gnu ? 0 : splitAt(path);
  put(block, fields.name, split === 0 ? path : path.subarray(split + 1));
  put(block, fields.prefix, path.subarray(0, split));
  put(block, fields.target, target);
  put(block, fields.flag, Buffer.from(flag, "latin1"));
  put(block, fields.magic, gnu ? gnuMagic : posixMagic);
  putNumber(block, fields.mode, mode);
  putNumber(block, fields.size, size);
  putNumber(block, fields.mtime, mtime);
  for (const field of [fields.uid, fields.gid]) putNumber(block, field, 0);
  // GNU leaves device numbers of what is no device empty.
  if (!gnu) for (const field of [fields.major, fields.minor]) putNumber(block, field, 0);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, fields.checksum[0], "latin1");
  return block;
}

function put(block: Buffer, [offset, length]: Field, bytes: Uint8Array): void {
  block.set(bytes.subarray(0, length), offset);
}

function putNumber(block: Buffer, [offset, length]: Field, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot write ${value} into a tar header`);
  const octal = value.toString(8);
  if (octal.length < length) {
    block.write(`${octal.padStart(length - 1, "0")}\0`, offset, "latin1");
  } else {
    // Base 256: the first byte says so with its highest bit (GNU tar manual, "Standard").
    block[offset] = 0x80;
    block.writeUIntBE(value, offset + length - 6, 6);
  }
}

/** Sum of all bytes, those of the checksum itself counted as blanks. */
function checksum(block: Uint8Array): number {
  const [from, length] = fields.checksum;
  let sum = length * blank;
  for (let at = 0; at < from; at++) sum += block[at]!;
  for (let at = from + length; at < blockSize; at++) sum += block[at]!;
  return sum;
}

/** @returns the header, "end" for a block of zeros, or why it is none: `{ problem }` */
export function decodeHeader(block: Uint8Array): Omit<Header, "mtime"> | "end" | { readonly problem: string } {
  if (block.every((byte) => byte === 0)) return "end";
  const sum = number(block, fields.checksum);
  if (sum !== checksum(block)) return { problem: "a header has a wrong checksum" };
  // Writers disagree about the version behind the magic; the five letters and the NUL are what counts.
  const posix = holds(block, fields.magic, posixMagic, 6);
  if (!posix && !holds(block, fields.magic, gnuMagic) && !holds(block, fields.magic, noMagic)) {
    return { problem: "a header is neither ustar nor GNU" };
  }
  const mode = number(block, fields.mode);
  const size = number(block, fields.size);
  if (mode === undefined || size === undefined) return { problem: "a header holds a malformed number" };
  const name = text(block, fields.name);
  const prefix = posix ? text(block, fields.prefix) : new Uint8Array();
  return {
    flag: String.fromCharCode(block[fields.flag[0]]!),
    path: prefix.byteLength === 0 ? name : Buffer.concat([prefix, Buffer.of(slash), name]),
    mode: mode & 0o7777,
    size,
    target: text(block, fields.target),
  };
}

/** Whether the checksum, the one field that it does not cover itself, is written as {@linkcode encodeHeader} does. */
export const hasCanonicalChecksum = (block: Uint8Array): boolean =>
  /^[0-7]{6}\0 $/.test(Buffer.from(field(block, fields.checksum)).toString("latin1"));

const field = (block: Uint8Array, [offset, length]: Field): Uint8Array => block.subarray(offset, offset + length);

/** Whether a field begins with so many of these bytes. */
function holds(block: Uint8Array, [offset]: Field, bytes: Uint8Array, count = bytes.byteLength): boolean {
  for (let at = 0; at < count; at++) if (block[offset + at] !== bytes[at]) return false;
  return true;
}

/** The bytes before the first NUL. */
function text(block: Uint8Array, [offset, length]: Field): Uint8Array {
  const end = block.indexOf(0, offset);
  return block.subarray(offset, end === -1 ? offset + length : Math.min(end, offset + length));
}

/** A number in octal or base 256; undefined when it is malformed, negative or beyond 2^53. */
function number(block: Uint8Array, where: Field): number | undefined {
  const first = block[where[0]]!;
  if ((first & 0x80) === 0) return octal(block, where);
  if (first !== 0x80) return undefined;
  let value = 0;
  for (const byte of field(block, where).subarray(1)) {
    value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return value;
}

/** Blanks, digits, and blanks or NULs. Read byte by byte: an archive has many headers, and few of them are read as text. */
function octal(block: Uint8Array, [offset, length]: Field): number | undefined {
  const end = offset + length;
  let at = offset;
  while (at < end && block[at] === blank) at++;
  let value = 0;
  for (; at < end && block[at]! >= zero && block[at]! <= seven; at++) value = value * 8 + block[at]! - zero;
  for (; at < end; at++) if (block[at] !== blank && block[at] !== 0) return undefined;
  return value;
}
