import { RejectedError } from "../errors.ts";
import type { Bytes } from "./content.ts";
import { openRegular, readRange } from "./disk.ts";
import { BLOCK, encodeHeader, type HeaderFields, MAX_NAME_BYTES, MAX_NUMBER } from "./tar-header.ts";

interface EntryBase {
  /** Relative, with `/`; what it lies in is made when it is not given. */
  readonly path: string;
  /** Permission bits; default 0o644 for files, 0o755 for directories. */
  readonly mode?: number | undefined;
  /** Whole seconds since 1970; default 0. */
  readonly mtime?: number | undefined;
}

/** What a layer holds: a file by its bytes or by where they lie on disk, a symbolic link, a directory. */
export type FileEntry =
  | (EntryBase & { readonly content: Uint8Array | string })
  | (EntryBase & { readonly file: string })
  | (EntryBase & { readonly link: string })
  | (EntryBase & { readonly directory: true });

/**
 * Check entries and put them in order: by path, so that the order they were given in does not matter; directories before
 * what they hold, and none missing.
 *
 * @throws RejectedError IMAGE_INVALID for a path that leads out of the layer, is given twice, lies in something that is
 *   no directory, or means a deletion; and for times and modes that are none
 */
export function arrange(files: Iterable<FileEntry>): readonly FileEntry[] {
  const entries = new Map<string, FileEntry>();
  for (const entry of files) {
    check(entry);
    if (entries.has(entry.path)) refuse(entry.path, "it is given twice");
    entries.set(entry.path, entry);
  }
  for (const path of [...entries.keys()]) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = entries.get(path.slice(0, end));
      if (parent === undefined) entries.set(path.slice(0, end), { path: path.slice(0, end), directory: true });
      else if (!("directory" in parent)) refuse(path, `"${parent.path}" is no directory`);
    }
  }
  return [...entries.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}

function check(entry: FileEntry): void {
  const { path, mode = 0, mtime = 0 } = entry;
  const segments = path.split("/");
  if (path.includes("\0") || path.length > 4096) refuse(path, "it is no path");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    refuse(path, 'it is absolute, or holds an empty name, "." or ".."');
  }
  // https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
  if (segments.some((segment) => segment.startsWith(".wh."))) refuse(path, "names with .wh. mean deletions in a layer");
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) refuse(path, `${mode} is no mode`);
  if (!Number.isInteger(mtime) || mtime < 0 || mtime >= MAX_NUMBER) refuse(path, `${mtime} is no time in seconds`);
  if ("link" in entry && (entry.link === "" || entry.link.includes("\0"))) refuse(path, "its link leads nowhere");
}

/**
 * The tar of arranged entries: the same bytes for the same entries. Files are read as their turn comes.
 *
 * @throws RejectedError IMAGE_INVALID for a file that is not there or no regular file (links are not followed)
 */
export async function* tarOf(entries: readonly FileEntry[], signal?: AbortSignal): Bytes {
  for (const entry of entries) {
    signal?.throwIfAborted();
    const { path, mtime = 0 } = entry;
    if ("directory" in entry) {
      yield* header({ name: `${path}/`, type: "5", mode: entry.mode ?? 0o755, size: 0, mtime });
    } else if ("link" in entry) {
      yield* header({ name: path, type: "2", mode: entry.mode ?? 0o777, size: 0, mtime, linkname: entry.link });
    } else {
      yield* fileOf(entry, signal);
    }
  }
  yield Buffer.alloc(2 * BLOCK);
}

async function* fileOf(
  entry: Extract<FileEntry, { content: unknown } | { file: string }>,
  signal?: AbortSignal,
): Bytes {
  const fields = { name: entry.path, type: "0", mode: entry.mode ?? 0o644, mtime: entry.mtime ?? 0 };
  if ("content" in entry) {
    const content = Buffer.from(entry.content);
    yield* header({ ...fields, size: content.byteLength });
    yield content;
    yield padding(content.byteLength);
    return;
  }
  const opened = await openRegular(entry.file);
  if (typeof opened === "string") return refuse(entry.path, `"${entry.file}" is ${opened}`);
  try {
    yield* header({ ...fields, size: opened.size });
    yield* readRange(opened.file, 0, opened.size, signal);
    yield padding(opened.size);
  } finally {
    await opened.file.close();
  }
}

/** A header, and before it a pax header with what does not fit: POSIX.1-2017, pax, "pax Interchange Format". */
function* header(fields: HeaderFields): Iterable<Uint8Array> {
  const { name, linkname = "", size } = fields;
  const records = Buffer.from(
    [
      ...(fits(linkname) ? [] : [paxRecord("linkpath", linkname)]),
      ...(fits(name) ? [] : [paxRecord("path", name)]),
      ...(size < MAX_NUMBER ? [] : [paxRecord("size", String(size))]),
    ].join(""),
  );
  if (records.byteLength > 0) {
    yield encodeHeader({ name: "pax", type: "x", mode: 0o644, size: records.byteLength, mtime: 0 });
    yield records;
    yield padding(records.byteLength);
  }
  const short = { name: shortened(name), linkname: shortened(linkname), size: size < MAX_NUMBER ? size : 0 };
  yield encodeHeader({ ...fields, ...short });
}

const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);
const fits = (text: string): boolean => text.length <= MAX_NAME_BYTES && isPlain(text);
const shortened = (text: string): string =>
  fits(text) ? text : text.replaceAll(/[^\x20-\x7e]/gu, "_").slice(0, MAX_NAME_BYTES);

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

const padding = (size: number): Uint8Array => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

function refuse(path: string, why: string): never {
  throw new RejectedError("IMAGE_INVALID", `Cannot put "${path.slice(0, 200)}" into a layer: ${why}`);
}
