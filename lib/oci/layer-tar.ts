import { bytesSegment, pathProblem, type Segment, type TarEntry, tar, targetProblem } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { Bytes } from "./content.ts";
import { kindOf, openRegular, readRange } from "./disk.ts";

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
 * The tar of a layer, owned by root: the same bytes for the same entries, in whatever order they are given. Directories
 * that are missing are added. Files on disk are looked at now and read when the tar is.
 *
 * @throws RejectedError IMAGE_INVALID for a path that leads out of the layer, is given twice, lies in something that is
 *   no directory, or means a deletion; for times and modes that are none; for a file that is not there or no regular
 *   file (links are not followed)
 */
export async function layerTar(files: Iterable<FileEntry>): Promise<Segment> {
  const entries: TarEntry[] = [];
  for (const entry of arranged(files)) entries.push(await tarEntry(entry));
  return tar(entries, { links: "anywhere" });
}

/** In order of their paths: directories come before what they hold. */
function arranged(files: Iterable<FileEntry>): readonly FileEntry[] {
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

/** One more than the seconds that eleven octal digits hold, which every reader of tars understands. */
const END_OF_TIME = 8 ** 11;

function check(entry: FileEntry): void {
  const { path, mode = 0, mtime = 0 } = entry;
  // what a link points to is found inside the container
  const problem = pathProblem(path) ?? ("link" in entry ? targetProblem(path, entry.link, "anywhere") : undefined);
  if (problem !== undefined) refuse(path, problem);
  // https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
  if (/(^|\/)\.wh\./.test(path)) refuse(path, "names with .wh. mean deletions in a layer");
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) refuse(path, `${mode} is no mode`);
  if (!Number.isInteger(mtime) || mtime < 0 || mtime >= END_OF_TIME) refuse(path, `${mtime} is no time in seconds`);
}

async function tarEntry(entry: FileEntry): Promise<TarEntry> {
  const { path, mode, mtime } = entry;
  if ("directory" in entry) return { type: "directory", path, mode, mtime };
  if ("link" in entry) return { type: "symlink", path, mode, mtime, target: entry.link };
  const content = "file" in entry ? await fileOnDisk(entry) : bytesSegment(bytesOf(entry.content));
  return { type: "file", path, mode, mtime, content };
}

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? Buffer.from(content) : content;

/** A file with the size it has now. It is open only while it is read. */
async function fileOnDisk({ path, file }: { readonly path: string; readonly file: string }): Promise<Segment> {
  const size = await kindOf(file);
  if (typeof size !== "number") return refuse(path, `"${file}" is ${size === "directory" ? "a directory" : size}`);
  return {
    size,
    async *read(start, end, signal): Bytes {
      const opened = await openRegular(file);
      if (typeof opened === "string") return refuse(path, `"${file}" is ${opened}`);
      try {
        yield* readRange(opened.file, start, end, signal);
      } finally {
        await opened.file.close();
      }
    },
  };
}

function refuse(path: string, why: string): never {
  throw new RejectedError("IMAGE_INVALID", `Cannot put "${path.slice(0, 200)}" into a layer: ${why}`);
}
