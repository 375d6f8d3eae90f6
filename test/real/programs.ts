import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Debian's package for a program, where it is called otherwise. */
const packages: Readonly<Record<string, string>> = { bsdtar: "libarchive-tools" };

export function findProgram(name: string): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this directory
    }
  }
  return undefined;
}

/**
 * Options for a test that needs real programs: it is skipped, saying loudly what to install, where one is missing. Under
 * CI=true nothing is skipped: there a missing program is a failure.
 */
export function requiring(...names: readonly string[]): { readonly skip?: string } {
  const missing = names.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return {};
  const hint = `needs ${missing.join(", ")}: apt-get install ${missing.map((name) => packages[name] ?? name).join(" ")}`;
  if (process.env["CI"] === "true") throw new Error(`Cannot test under CI=true: ${hint}`);
  process.stderr.write(`SKIPPED: ${hint}\n`);
  return { skip: hint };
}
