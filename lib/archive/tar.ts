import { RejectedError } from "../errors.ts";
import { blockSize, encodeHeader, flags, largestOctal, paddingOf, shortPath, splitAt } from "./header.ts";
import { Names, pathProblem, quoted, targetProblem } from "./paths.ts";
import { bytesSegment, concat, type Segment } from "./segments.ts";

interface EntryBase {
  readonly path: string;
  /** Permission bits. Default 0o644 for files, 0o755 for directories, 0o777 for symbolic links. */
  readonly mode?: number | undefined;
  /** Modification time, in seconds since 1970. Default: that of all entries. */
  readonly mtime?: number | undefined;
}

/** An entry of a tar. Paths are relative, in shortest form, without a slash at the end. */
export type TarEntry =
  | (EntryBase & {
      readonly type: "file";
      /** May itself be a tar. */
      readonly content: Segment;
    })
  | (EntryBase & { readonly type: "directory" })
  | (EntryBase & {
      readonly type: "symlink";
      /**
       * Relative to the link's directory; stays within the archive and climbs (`..`) only at its beginning, unless
       * {@linkcode TarOptions.links} says otherwise.
       */
      readonly target: string;
    });

export interface TarOptions {
  /** Modification time of every entry that has none of its own, in seconds since 1970. Default 0. */
  readonly mtime?: number | undefined;
  /**
   * Where symbolic links may point: "anywhere" is for what becomes the root of a file system (a layer), in which absolute
   * targets are common. Default "inside".
   */
  readonly links?: "inside" | "anywhere" | undefined;
}

const defaultModes = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;

/**
 * A tar of these entries, in this order: the same entries give the same bytes.
 *
 * Entries are plain ustar where everything fits; longer names and files of 8 GiB and more use GNU's extensions, which
 * more readers understand than PAX (busybox reads a PAX size as 0). It ends with two zero blocks and no further padding.
 *
 * @throws RejectedError ARCHIVE_INVALID for a path or target that is not allowed, or a path that comes twice
 */
export function tar(entries: readonly TarEntry[], { mtime = 0, links = "inside" }: TarOptions = {}): Segment {
  const names = new Names();
  const parts: Segment[] = [];
  let pending: Uint8Array[] = [];
  for (const entry of entries) {
    check(entry, names, links);
    pending.push(...headersOf(entry, entry.mtime ?? mtime));
    if (entry.type !== "file" || entry.content.size === 0) continue;
    parts.push(bytesSegment(Buffer.concat(pending)), named(entry.path, entry.content));
    pending = [new Uint8Array(paddingOf(entry.content.size))];
  }
  pending.push(new Uint8Array(2 * blockSize));
  return concat([...parts, bytesSegment(Buffer.concat(pending))]);
}

const named = (name: string, content: Segment): Segment => ({
  name,
  size: content.size,
  parts: content.parts,
  read: (start, end, signal) => content.read(start, end, signal),
});

function check(entry: TarEntry, names: Names, links: TarOptions["links"]): void {
  const problem =
    pathProblem(entry.path) ??
    (entry.type === "symlink" ? targetProblem(entry.path, entry.target, links) : undefined) ??
    names.admit(entry.path, entry.type);
  if (problem !== undefined) {
    throw new RejectedError("ARCHIVE_INVALID", `Cannot archive ${quoted(entry.path)}: ${problem}`);
  }
}

/** The header of an entry, behind what GNU needs to say about it beforehand. */
function headersOf(entry: TarEntry, mtime: number): Uint8Array[] {
  const path = Buffer.from(entry.type === "directory" ? `${entry.path}/` : entry.path);
  const target = Buffer.from(entry.type === "symlink" ? entry.target : "");
  const size = entry.type === "file" ? entry.content.size : 0;
  const mode = entry.mode ?? defaultModes[entry.type];
  const gnu = splitAt(path) === -1 || target.byteLength > shortPath || Math.max(size, mtime) > largestOctal;
  return [
    ...(target.byteLength > shortPath ? [longText(flags.longTarget, target)] : []),
    ...(gnu && path.byteLength > shortPath ? [longText(flags.longPath, path)] : []),
    encodeHeader({ flag: flags[entry.type], path, mode, size, mtime, target }, gnu),
  ];
}

/** GNU's entry that holds the path or target of the next one, ended by a NUL. */
function longText(flag: string, text: Uint8Array): Uint8Array {
  const size = text.byteLength + 1;
  const path = Buffer.from("././@LongLink");
  const header = encodeHeader({ flag, path, mode: 0o644, size, mtime: 0, target: new Uint8Array() }, true);
  return Buffer.concat([header, text, new Uint8Array(1 + paddingOf(size))]);
}
