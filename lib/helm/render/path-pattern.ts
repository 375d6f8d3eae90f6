/** A part of a pattern for paths. What a pattern's characters mean is its language's affair: see glob.ts, ignore-rules.ts. */
export type PatternPart =
  | { readonly kind: "some"; readonly beyondSlash: boolean }
  | { readonly kind: "one"; readonly takes: (character: string) => boolean }
  | { readonly kind: "alternatives"; readonly sequences: readonly (readonly PatternPart[])[] };

export const same = (character: string): PatternPart => ({ kind: "one", takes: (other) => other === character });

/**
 * Whether the whole path fits the pattern. All ways are followed at once: the time grows with pattern times path,
 * whatever the pattern, where a regular expression would try one way after the other.
 */
export function matchesPath(pattern: readonly PatternPart[], path: string): boolean {
  const characters = [...path];
  return reach(pattern, characters, new Set([0])).has(characters.length);
}

/** From the places in a path that are reached, those reached behind `parts`. */
function reach(
  parts: readonly PatternPart[],
  path: readonly string[],
  places: ReadonlySet<number>,
): ReadonlySet<number> {
  let reached = places;
  for (const part of parts) {
    const next = new Set<number>();
    if (part.kind === "alternatives") {
      for (const sequence of part.sequences) for (const place of reach(sequence, path, reached)) next.add(place);
    } else {
      for (const place of reached) {
        if (part.kind === "some") addRun(next, path, place, part.beyondSlash);
        else if (place < path.length && part.takes(path[place]!)) next.add(place + 1);
      }
    }
    reached = next;
  }
  return reached;
}

/** Every place from `start` to the next slash, or to the end. Ends early where another run went on before. */
function addRun(places: Set<number>, path: readonly string[], start: number, beyondSlash: boolean): void {
  for (let place = start; !places.has(place); place++) {
    places.add(place);
    if (place === path.length || (path[place] === "/" && !beyondSlash)) return;
  }
}
