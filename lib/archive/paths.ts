/** Bytes of the longest path or link target: PATH_MAX of Linux. */
const longestPath = 4096;

/** Parts of the deepest path. Real trees stay far below; checking each parent of a hostile one must stay cheap. */
const deepestPath = 100;

/** What an entry of an archive is. A `link` is a second name (hard link) of an earlier file. */
export type EntryType = "file" | "directory" | "symlink" | "link";

/**
 * Why an archive may not hold this path; undefined when it may.
 *
 * Allowed are relative paths in their shortest form, with `/` between the parts and no `/` at the end. A backslash is a
 * character like any other.
 */
export function pathProblem(path: string): string | undefined {
  if (path.startsWith("/")) return "it is absolute";
  const problem = textProblem(path);
  if (problem !== undefined) return problem;
  const parts = path.split("/");
  if (parts.length > deepestPath) return `it has more than ${deepestPath} parts`;
  if (parts.includes("")) return "it has an empty part";
  if (parts.includes(".") || parts.includes("..")) return 'it has a part "." or ".."';
  return undefined;
}

/**
 * Why the symbolic link `path` may not point to `target`; undefined when it may.
 *
 * A target is relative and climbs (`..`) only at its beginning, and not above the root. Climbing later could leave the
 * root through another link: with `a/up -> ..`, `a/up/..` lies outside although it looks as if it lay in `a`.
 *
 * @param reach "anywhere" allows every target that is one at all
 */
export function targetProblem(
  path: string,
  target: string,
  reach: "inside" | "anywhere" = "inside",
): string | undefined {
  const problem = textProblem(target);
  if (problem !== undefined) return `its target is refused: ${problem}`;
  if (reach === "anywhere") return undefined;
  if (target.startsWith("/")) return "its target is absolute";
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const down = parts.findIndex((part) => part !== "..");
  const climbs = down === -1 ? parts.length : down;
  if (climbs >= path.split("/").length) return "its target lies outside the archive";
  if (parts.slice(climbs).includes("..")) return 'its target has ".." behind a name';
  return undefined;
}

function textProblem(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.includes("\0")) return "it holds a NUL character";
  if (!text.isWellFormed()) return "it is not valid Unicode";
  if (Buffer.byteLength(text) > longestPath) return `it is longer than ${longestPath} bytes`;
  return undefined;
}

/** A path as it may stand in a message: nothing in it can garble a log, and it is not long. */
export const quoted = (path: string): string => JSON.stringify(path.length > 200 ? `${path.slice(0, 199)}…` : path);

/** The names of one archive so far. */
export class Names {
  readonly #types = new Map<string, EntryType>();

  /**
   * Take a valid path. Directories may come again, they say nothing new.
   *
   * @returns why the path cannot stand beside the earlier ones; undefined when it can
   */
  admit(path: string, type: EntryType): string | undefined {
    const same = this.#types.get(path);
    if (same !== undefined && !(same === "directory" && type === "directory")) return "its name comes twice";
    for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
      const parent = this.#types.get(path.slice(0, slash));
      // What lies below a link is written wherever the link leads.
      if (parent !== undefined && parent !== "directory") return `it lies below a ${parent}`;
    }
    this.#types.set(path, type);
    return undefined;
  }

  isFile(path: string): boolean {
    const type = this.#types.get(path);
    return type === "file" || type === "link";
  }
}
