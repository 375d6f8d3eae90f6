import { concat, hashing, type Segment, slice } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { ContainedFile, Extent } from "./contents.ts";
import type { PackageFile } from "./package-tree.ts";

/** The file of a delta that says how it is joined with its base. install.sh reads it as well. */
export const RECIPE = "join.list";
/** Where a delta keeps what the base does not have. */
export const NEW = "new/";

/** A piece of a file: from the base, or the next bytes of what the delta has of that file. */
export interface Piece {
  readonly size: number;
  readonly from?: Extent | undefined;
}

/** How one file of the whole bundle is put together. */
export interface RecipeFile {
  readonly path: string;
  readonly mode: number;
  readonly pieces: readonly Piece[];
}

/** Lines of fields with tabs between: `file MODE PATH`, then of that file `new SIZE` and `base OFFSET SIZE PATH`. */
export const formatRecipe = (files: readonly RecipeFile[]): string =>
  files
    .flatMap(({ path, mode, pieces }) => [
      ["file", mode.toString(8), path],
      ...pieces.map(({ size, from }) => (from ? ["base", from.offset, size, from.path] : ["new", size])),
    ])
    .map((fields) => `${fields.join("\t")}\n`)
    .join("");

const number = (text: string | undefined): number => (/^\d{1,15}$/.test(text ?? "") ? Number(text) : Number.NaN);

/** @throws RejectedError ARCHIVE_INVALID */
export function parseRecipe(text: string): readonly RecipeFile[] {
  const files: { path: string; mode: number; pieces: Piece[] }[] = [];
  for (const [position, line] of text.split("\n").entries()) {
    const [kind, first, second, third] = line.split("\t");
    const pieces = files.at(-1)?.pieces;
    if (line === "") continue;
    if (kind === "file" && second !== undefined && /^[0-7]{1,4}$/.test(first ?? "")) {
      files.push({ path: second, mode: Number.parseInt(first!, 8), pieces: [] });
    } else if (kind === "new" && pieces && number(first) >= 0) {
      pieces.push({ size: number(first) });
    } else if (kind === "base" && pieces && number(first) >= 0 && number(second) >= 0 && third !== undefined) {
      const size = number(second);
      pieces.push({ size, from: { path: third, offset: number(first), size } });
    } else {
      throw invalid(`line ${position + 1} of its ${RECIPE} cannot be read`);
    }
  }
  return files;
}

/** The files of a whole bundle, read from a delta and its base. @throws RejectedError ARCHIVE_INVALID */
export function joinedFiles(
  recipe: readonly RecipeFile[],
  delta: ReadonlyMap<string, ContainedFile>,
  base: ReadonlyMap<string, ContainedFile>,
): readonly ContainedFile[] {
  const part = (files: ReadonlyMap<string, ContainedFile>, path: string, offset: number, size: number): Segment => {
    const content = files.get(path)?.content;
    if (content !== undefined && offset + size <= content.size) return slice(content, offset, offset + size, path);
    throw invalid(`${files === base ? "its base" : "it"} lacks bytes of ${path}`);
  };
  return recipe.map(({ path, mode, pieces }) => {
    let at = 0;
    const parts = pieces.map(({ size, from }) => {
      if (from !== undefined) return part(base, from.path, from.offset, size);
      at += size;
      return part(delta, NEW + path, at - size, size);
    });
    return { path, mode, content: concat(parts) };
  });
}

/** What a delta has of a file: its pieces that are not the base's, one after the other. */
export function freshPart(file: PackageFile, pieces: readonly Piece[]): PackageFile {
  const { path, mode, known, content } = file;
  if (pieces.length === 1) return { path: NEW + path, mode, content, known, sha256: file.sha256 };
  const parts: Segment[] = [];
  let at = 0;
  let gap = 0;
  for (const { size, from } of pieces) {
    if (from === undefined) parts.push(behindGap(content, at - gap, at, size));
    gap = from === undefined ? 0 : gap + size;
    at += size;
  }
  const fresh = hashing(concat(parts));
  return { path: NEW + path, mode, content: fresh, sha256: fresh.sha256 };
}

/**
 * A part of a file, `size` bytes from `start`. What lies before it from `gap` on is read with it and not given, because the
 * file as a whole is hashed on the way, and its hash grows only from front to end.
 */
const behindGap = (file: Segment, gap: number, start: number, size: number): Segment => ({
  size,
  async *read(from, to, signal) {
    if (from === 0 && to > 0 && gap < start) for await (const _ of file.read(gap, start, signal));
    yield* file.read(start + from, start + to, signal);
  },
});

const invalid = (why: string): RejectedError => new RejectedError("ARCHIVE_INVALID", `Cannot join delta: ${why}`);
