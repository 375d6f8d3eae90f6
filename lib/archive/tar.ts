import { RejectedError } from "../errors.ts";
import { blockSize, encodeHeader, flags, largestOctal, paddingOf, shortPath, splitAt } from "./header.ts";
import { Names, pathProblem, quoted, targetProblem } from "./paths.ts";
import { bytesSegment, concat, type Segment } from "./segments.ts";

/** An entry of a tar. Paths are relative, in shortest form, without a slash at the end. */
export type TarEntry =
  | {
      readonly type: "file";
      readonly path: string;
      /** May itself be a tar. */
      readonly content: Segment;
      /** Default 0o644. */
      readonly mode?: number;
    }
  | {
      readonly type: "directory";
      readonly path: string;
      /** Default 0o755. */
      readonly mode?: number;
    }
  | {
      readonly type: "symlink";
      readonly path: string;
      /** Relative to the link's directory; stays within the archive and climbs (`..`) only at its beginning. */
      readonly target: string;
    };

export interface TarOptions {
  /** Modification time of every entry, in seconds since 1970. Default 0. */
  readonly mtime?: number | undefined;
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
export function tar(entries: readonly TarEntry[], { mtime = 0 }: TarOptions = {}): Segment {
  const names = new Names();
  const parts: Segment[] = [];
  let pending: Uint8Array[] = [];
  for (const entry of entries) {
    check(entry, names);
    pending.push(...headersOf(entry, mtime));
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
  read: (start, end, signal) => content.read(start, end, signal),
});

function check(entry: TarEntry, names: Names): void {
  const problem =
    pathProblem(entry.path) ??
    (entry.type === "symlink" ? targetProblem(entry.path, entry.target) : undefined) ??
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
  const mode = entry.type === "symlink" ? defaultModes.symlink : (entry.mode ?? defaultModes[entry.type]);
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
