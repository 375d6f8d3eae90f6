import { matchesPath, type PatternPart, same } from "./path-pattern.ts";
import { Refusal } from "./refusal.ts";

/**
 * The rules of a `.helmignore` (helm v4.1.4 pkg/ignore): shell patterns, one a line, tried in order; a pattern without a
 * slash means the file's name, one that ends with a slash only directories, and `!pattern` ignores all that does not match.
 */
export class IgnoreRules {
  readonly #rules: readonly Rule[];

  /** @throws Refusal */
  constructor(text: string) {
    // what helm adds by itself: dot files in templates/
    this.#rules = [...text.replace(/^\ufeff/, "").split(/\r?\n/), "templates/.?*"].flatMap((line) => parseRule(line));
  }

  /** @param path relative to the chart, with `/` */
  ignores(path: string, isDirectory: boolean): boolean {
    for (const { matches, negated, onlyDirectories } of this.#rules) {
      if (onlyDirectories && !isDirectory) {
        if (negated) return true;
      } else if (matches(path) !== negated) return true;
    }
    return false;
  }
}

interface Rule {
  readonly matches: (path: string) => boolean;
  readonly negated: boolean;
  readonly onlyDirectories: boolean;
}

function parseRule(line: string): Rule[] {
  const rule = line.trim();
  if (rule === "" || rule.startsWith("#")) return [];
  if (rule.includes("**")) throw new Refusal(`double-star (**) syntax is not supported: ${rule}`);
  const negated = rule.startsWith("!");
  const pattern = rule.slice(negated ? 1 : 0);
  const onlyDirectories = pattern.endsWith("/");
  const path = onlyDirectories ? pattern.slice(0, -1) : pattern;
  const fits = matcher(path.replace(/^\//, ""));
  const matches = path.includes("/") ? fits : (name: string) => fits(name.slice(name.lastIndexOf("/") + 1));
  return [{ matches, negated, onlyDirectories }];
}

/** Most patterns are a name, or any name with an ending: those need no search. @throws Refusal */
function matcher(pattern: string): (name: string) => boolean {
  const [, star, text] = /^(\*?)([^*?[\\]+)$/.exec(pattern) ?? [];
  if (text === undefined) {
    const parts = shellPattern(pattern);
    return (name) => matchesPath(parts, name);
  }
  if (star === "") return (name) => name === text;
  return (name) => name.endsWith(text) && !name.slice(0, -text.length).includes("/");
}

/** A shell pattern as Go's path/filepath.Match reads it. @throws Refusal */
function shellPattern(pattern: string): readonly PatternPart[] {
  const characters = [...pattern];
  const parts: PatternPart[] = [];
  let at = 0;
  const next = (): string => {
    if (at === characters.length) throw new Refusal(`syntax error in pattern ${JSON.stringify(pattern)}`);
    return characters[at++]!;
  };
  const escaped = (character: string): string => (character === "\\" ? next() : character);
  const classPart = (): PatternPart => {
    const negated = characters[at] === "^";
    if (negated) at++;
    const ranges: (readonly [low: string, high: string])[] = [];
    for (let character = next(); character !== "]" || ranges.length === 0; character = next()) {
      const low = escaped(character);
      if (characters[at] !== "-") ranges.push([low, low]);
      else {
        at++;
        ranges.push([low, escaped(next())]);
      }
    }
    return {
      kind: "one",
      takes: (character) => ranges.some(([low, high]) => low <= character && character <= high) !== negated,
    };
  };
  while (at < characters.length) {
    const character = next();
    if (character === "*") parts.push({ kind: "some", beyondSlash: false });
    else if (character === "?") parts.push({ kind: "one", takes: (other) => other !== "/" });
    else if (character === "[") parts.push(classPart());
    else parts.push(same(escaped(character)));
  }
  return parts;
}
