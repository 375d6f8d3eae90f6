import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeHeader, paddingOf } from "../../lib/archive/header.ts";
import { noise } from "./bytes.ts";

export interface Raw {
  readonly flag?: string;
  readonly path?: string;
  readonly target?: string;
  readonly content?: string;
  /** Where it shall differ from the content's. */
  readonly size?: number;
  readonly gnu?: boolean;
  /** Spoil the finished header. */
  readonly spoil?: (header: Uint8Array) => void;
}

/** One entry with nothing checked. */
export function raw({ flag = "0", path = "a", target = "", content = "", size, gnu = false, spoil }: Raw): Buffer {
  const text = (value: string): Uint8Array => Buffer.from(value, "latin1");
  const bytes = Buffer.from(content);
  const header = encodeHeader(
    { flag, path: text(path), target: text(target), mode: 0o644, mtime: 0, size: size ?? bytes.byteLength },
    gnu,
  );
  spoil?.(header);
  return Buffer.concat([header, bytes, Buffer.alloc(paddingOf(bytes.byteLength))]);
}

/** What ends a tar. */
export const end = Buffer.alloc(1024);
/** A tar of these entries, whatever they are. */
export const archived = (...entries: readonly Raw[]): Buffer => Buffer.concat([...entries.map(raw), end]);
/** The records of a PAX header. */
/** The archive with some bytes changed, and cut off somewhere. */
export const damaged = (archive: Uint8Array): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.nat(archive.byteLength - 1), fc.nat(255)), { maxLength: 5 }),
      fc.nat(archive.byteLength),
    )
    .map(([changes, length]) => {
      const bytes = Buffer.from(archive.subarray(0, length));
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      return bytes;
    });

export const pax = (...records: readonly string[]): string => records.map(record).join("");

/** `LENGTH KEY=VALUE\n` */
function record(text: string): string {
  const rest = Buffer.byteLength(` ${text}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return `${length} ${text}\n`;
}

/** The one way in which reading an archive may fail. */
export const refused = (why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && "code" in error, String(error));
  assert.equal(error.code, "ARCHIVE_INVALID", String(error));
  assert.match(error.message, why);
  return true;
};

/** A tar of one entry whose header has other bytes there, under a right checksum. */
export function spoiled(offset: number, field: Uint8Array, entry: Raw = {}): Buffer {
  const whole = raw(entry);
  const header = whole.subarray(0, 512);
  header.set(field, offset);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([whole, end]);
}

/** Archives that nobody may accept, and why. */
export const hostile: Readonly<Record<string, readonly [archive: Buffer, why: RegExp]>> = {
  "an absolute path": [archived({ path: "/etc/passwd" }), /"\/etc\/passwd": it is absolute/],
  "a path that climbs": [archived({ path: "../x" }), /a part "\." or "\.\."/],
  "a path that climbs inside": [archived({ path: "a/../../x" }), /a part/],
  "a PAX path that climbs": [archived({ flag: "x", content: pax("path=../a") }, {}), /a part/],
  "an absolute GNU name": [archived({ flag: "L", content: "/etc/passwd\0" }, {}), /absolute/],
  "an absolute PAX path": [archived({ flag: "x", content: pax("path=/x") }, {}), /absolute/],
  "a climbing GNU name": [archived({ flag: "L", content: "a/../../x\0" }, {}), /a part/],
  "a file without a name": [archived({ path: "" }), /it is empty/],
  "a file named like the root": [archived({ path: "./" }), /named like a directory/],
  "a file named like a directory": [archived({ path: "a/" }), /named like a directory/],
  "a name that is not UTF-8": [archived({ path: "\xff" }), /not UTF-8/],
  "a name with NUL from PAX": [archived({ flag: "x", content: pax("path=a\0b") }, {}), /NUL/],
  "a path deeper than any real one": [
    archived({ flag: "L", content: `${"a/".repeat(200)}b` }, {}),
    /more than 100 parts/,
  ],
  "a name of both file and directory": [archived({ path: "a" }, { flag: "5", path: "a/" }), /comes twice/],
  "a name of both directory and file": [archived({ flag: "5", path: "a/" }, { path: "a" }), /comes twice/],
  "a name of a file twice": [archived({ path: "a" }, { path: "./a" }), /comes twice/],
  "a file below a symlink": [
    archived({ flag: "2", path: "l", target: "d" }, { path: "l/x" }),
    /"l\/x": it lies below a symlink/,
  ],
  "a file below a file": [archived({ path: "f" }, { path: "f/x" }), /below a file/],
  "a symlink to an absolute path": [archived({ flag: "2", target: "/etc" }), /target is absolute/],
  "a symlink out": [archived({ flag: "2", path: "a/b", target: "../../x" }), /outside/],
  "a symlink that climbs through another": [archived({ flag: "2", path: "z", target: "x/up/.." }), /behind a name/],
  "a long symlink target out": [archived({ flag: "K", content: "../../x\0" }, { flag: "2", target: "ok" }), /outside/],
  "a symlink without target": [archived({ flag: "2" }), /target is refused: it is empty/],
  "a link to what is not there": [archived({ flag: "1", target: "x" }), /no earlier file/],
  "a link out": [archived({ flag: "1", target: "../x" }), /no earlier file/],
  "a link to itself": [archived({ flag: "1", path: "a", target: "a" }), /no earlier file/],
  "a link to a symlink": [
    archived({ flag: "2", path: "s", target: "x" }, { flag: "1", target: "s" }),
    /no earlier file/,
  ],
  "a character device": [archived({ flag: "3" }), /kind "3" is not allowed/],
  "a block device": [archived({ flag: "4" }), /kind "4"/],
  "a pipe": [archived({ flag: "6" }), /kind "6"/],
  "a contiguous file": [archived({ flag: "7" }), /kind "7"/],
  "an old sparse file": [archived({ flag: "S", gnu: true }), /kind "S"/],
  "a PAX sparse file": [archived({ flag: "x", content: pax("GNU.sparse.major=1") }, {}), /sparse/],
  "a directory with content": [archived({ flag: "5", content: "x" }), /directory and has content/],
  "a symlink with content": [archived({ flag: "2", target: "x", content: "x" }), /symlink and has content/],
  "a wrong checksum": [archived({ spoil: (header) => header.set([0x62], 0) }), /wrong checksum/],
  "another format": [noise(2048), /wrong checksum/],
  "a PAX header for everything": [archived({ flag: "g", content: pax("path=x") }, {}), /describes all entries/],
  "two PAX headers for one entry": [
    archived({ flag: "x", content: pax("path=x") }, { flag: "x", content: pax("path=y") }, {}),
    /kind "x" is not allowed/,
  ],
  "two GNU names for one entry": [archived({ flag: "L", content: "x" }, { flag: "L", content: "y" }, {}), /kind "L"/],
  "names from GNU and PAX": [
    archived({ flag: "L", content: "x" }, { flag: "x", content: pax("path=y") }, {}),
    /GNU and PAX describe the same/,
  ],
  "a name without an entry": [archived({ flag: "L", content: "x" }), /does not follow/],
  "a name twice in one PAX header": [archived({ flag: "x", content: pax("path=x", "path=y") }, {}), /"path" twice/],
  "a PAX record that is too long": [archived({ flag: "x", content: "99 path=x\n" }, {}), /PAX header is damaged/],
  "a PAX record that is too short": [archived({ flag: "x", content: "3 path=x\n" }, {}), /PAX header is damaged/],
  "a PAX record without length": [archived({ flag: "x", content: "path=x\n" }, {}), /PAX header is damaged/],
  "a PAX record without value": [archived({ flag: "x", content: "9 path x\n" }, {}), /PAX header is damaged/],
  "a PAX record without key": [archived({ flag: "x", content: "5 =x\n" }, {}), /PAX header is damaged/],
  "an empty PAX path": [archived({ flag: "x", content: pax("path=") }, {}), /malformed "path"/],
  "a negative PAX size": [archived({ flag: "x", content: pax("size=-1") }, {}), /malformed "size"/],
  "a huge PAX size": [archived({ flag: "x", content: pax(`size=${2 ** 53}`) }, {}), /malformed "size"/],
  "a PAX header that is too large": [archived({ flag: "x", size: 65 * 1024 }, {}), /more than 65536 bytes/],
  "a GNU name that is too large": [archived({ flag: "L", size: 2 ** 40, gnu: true }, {}), /more than 65536 bytes/],
  "something behind the end": [Buffer.concat([archived({}), raw({ path: "b" })]), /something follows its end/],
  "something between the zeros of the end": [
    Buffer.concat([raw({}), Buffer.alloc(512), raw({ path: "b" }), end]),
    /follows a block of zeros/,
  ],
  "endless zeros behind the end": [Buffer.concat([archived({}), Buffer.alloc(2 ** 20)]), /follow its end/],
  "no end": [raw({}), /cut short/],
  "an end that is none": [Buffer.concat([Buffer.alloc(512), archived({})]), /follows a block of zeros/],
  "half an end": [Buffer.concat([raw({}), Buffer.alloc(512)]), /cut short/],
  nothing: [Buffer.alloc(0), /cut short/],
  "a cut header": [archived({}).subarray(0, 300), /cut short/],
  "a cut body": [archived({ content: "x".repeat(2000) }).subarray(0, 1500), /cut short/],
  "a size behind the end": [archived({ content: "hello", size: 100_000 }), /cut short/],
  "cut padding": [archived({ content: "x" }).subarray(0, 600), /cut short/],
};
