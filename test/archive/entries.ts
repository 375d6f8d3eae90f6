import fc from "fast-check";
import { bytesSegment, type TarEntry } from "../../lib/archive/index.ts";

/** What an entry comes to when it is read back or unpacked. */
export interface Plain {
  readonly type: TarEntry["type"];
  readonly path: string;
  readonly mode: number;
  readonly content: string;
  readonly target: string;
}

export const toEntry = ({ type, path, mode, content, target }: Plain): TarEntry => {
  if (type === "file") return { type, path, mode, content: bytesSegment(Buffer.from(content)) };
  return type === "directory" ? { type, path, mode } : { type, path, target };
};

const part = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", ".", "-", " ", "ü", "名"), minLength: 1, maxLength: 12 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }),
  fc.integer({ min: 90, max: 255 }).map((length) => "x".repeat(length)),
);

const anyPath = fc
  .array(
    part.filter((text) => !/[/\0]/.test(text) && text !== "." && text !== ".." && text.isWellFormed()),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join("/"));

const anyPlain: fc.Arbitrary<Plain> = fc
  .record({
    type: fc.constantFrom("file", "file", "directory", "symlink"),
    path: anyPath,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    content: fc.string({ maxLength: 1500 }),
    target: anyPath,
  })
  .map((plain) => ({
    ...plain,
    mode: plain.type === "symlink" ? 0o777 : plain.mode,
    content: plain.type === "file" ? plain.content : "",
    target: plain.type === "symlink" ? plain.target : "",
  }));

/** Entries that may stand in one archive: none twice, none below a file or link. */
export const anyEntries: fc.Arbitrary<Plain[]> = fc
  .uniqueArray(anyPlain, { maxLength: 8, selector: ({ path }) => path })
  .map((all) =>
    all.filter(({ path }) => !all.some((other) => other.type !== "directory" && path.startsWith(`${other.path}/`))),
  );

/** The entry as readers give it. */
export const asRead = (entry: Plain) => ({
  ...entry,
  written: entry.type === "directory" ? `${entry.path}/` : entry.path,
  size: Buffer.byteLength(entry.content),
});
