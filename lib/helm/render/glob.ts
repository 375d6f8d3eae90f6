import { matchesPath, type PatternPart, same } from "./path-pattern.ts";

/**
 * A file pattern of `.Files.Glob`: `*` and `?` stop at `/`, `**` does not, `{a,b*}` are alternatives, `[a-z]` and `[!abc]`
 * characters. As github.com/gobwas/glob v0.2.3 reads it, which helm uses with `/` as separator.
 *
 * @returns a test for paths; for a pattern that is none, one that takes every path, as helm does
 */
export function glob(pattern: string): (path: string) => boolean {
  const parts = new GlobParser(pattern).sequence(false);
  return parts === undefined ? () => true : (path) => matchesPath(parts, path);
}

class GlobParser {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  /** @returns undefined where the pattern is none */
  sequence(inAlternatives: boolean): PatternPart[] | undefined {
    const parts: PatternPart[] = [];
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined) return parts;
      if (inAlternatives && (character === "," || character === "}")) return parts;
      this.#at++;
      const part = this.#part(character);
      if (part === undefined) return undefined;
      parts.push(part);
    }
  }

  #part(character: string): PatternPart | undefined {
    switch (character) {
      case "*": {
        const beyondSlash = this.#characters[this.#at] === "*";
        if (beyondSlash) this.#at++;
        return { kind: "some", beyondSlash };
      }
      case "?":
        return { kind: "one", takes: (other) => other !== "/" };
      case "[":
        return this.#class();
      case "{":
        return this.#alternatives();
      case "\\":
        return same(this.#characters[this.#at++] ?? character);
      default:
        return same(character);
    }
  }

  #alternatives(): PatternPart | undefined {
    const sequences: PatternPart[][] = [];
    for (;;) {
      const sequence = this.sequence(true);
      if (sequence === undefined) return undefined;
      sequences.push(sequence);
      // the last brace may be left out
      if (this.#characters[this.#at++] !== ",") return { kind: "alternatives", sequences };
    }
  }

  /** `[a-z]` is one range, `[abc]` some characters, `[!…]` all others; nothing else is a class. */
  #class(): PatternPart | undefined {
    const negated = this.#characters[this.#at] === "!";
    if (negated) this.#at++;
    const [low, dash, high, end] = this.#characters.slice(this.#at, this.#at + 4);
    if (low === undefined) return undefined;
    if (dash === "-") {
      this.#at += 4;
      if (end !== "]" || high === undefined || high < low) return undefined;
      return { kind: "one", takes: (other) => (other >= low && other <= high) !== negated };
    }
    const listed = new Set<string>();
    for (;;) {
      const character = this.#characters[this.#at++];
      if (character === undefined) return undefined;
      if (character === "]") break;
      const taken = character === "\\" ? this.#characters[this.#at++] : character;
      if (taken !== undefined) listed.add(taken);
    }
    return listed.size === 0 ? undefined : { kind: "one", takes: (other) => listed.has(other) !== negated };
  }
}
