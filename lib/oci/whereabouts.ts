import type { Source } from "./content.ts";

/** What tells one repository of content from another. */
export type Whereabouts = NonNullable<Source["shared"]>;

/** Places that share with nobody, by what was made up for them. Two of them are never taken for the same. */
const alone = new WeakMap<Pick<Source, "shared">, Whereabouts>();
let count = 0;

/** Where a source keeps its content: what it says itself, else something that nobody else has. */
export function whereaboutsOf(source: Pick<Source, "shared">): Whereabouts {
  const known = source.shared ?? alone.get(source);
  if (known !== undefined) return known;
  count += 1;
  const made: Whereabouts = { place: `alone ${count}`, repository: "" };
  alone.set(source, made);
  return made;
}
