/** A JSON object whose fields nobody has checked yet. */
export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One value inside an object, with the way to it. */
export interface Place {
  readonly value: unknown;
  /** Key in a map or index in a list; `""` for the object itself and for what a text holds when it is parsed. */
  readonly key: string | number;
  readonly parent: Place | undefined;
}

export const rootPlace = (value: unknown): Place => ({ value, key: "", parent: undefined });

/** Ends the name of a field that its map has once more: where every branch of a template stays, so does each of its fields. */
export const REPEATED = "\ue002";

/** The values directly in a map or list. */
export function* placesIn(parent: Place): Generator<Place> {
  const { value } = parent;
  if (Array.isArray(value)) for (const [key, item] of value.entries()) yield { value: item, key, parent };
  else if (isFields(value)) {
    for (const key of Object.keys(value)) yield { value: value[key], key: key.split(REPEATED, 1)[0]!, parent };
  }
}

/** `spec.containers[0].image`, `data["app.yaml"].image` */
export function pathOf(place: Place): string {
  const steps: string[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) steps.push(stepOf(at.key));
  return steps.reverse().join("").replace(/^\./, "");
}

const MAX_KEY = 200;

function stepOf(key: string | number): string {
  if (key === "") return "";
  if (typeof key === "number") return `[${key}]`;
  if (key.length > MAX_KEY) return stepOf(`${key.slice(0, MAX_KEY - 1)}…`);
  return /^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** The map that holds the place. */
export const siblingsOf = ({ parent }: Place): Fields => (isFields(parent?.value) ? parent.value : {});

/** The nearest name at or above a place: `images` for `images[0]`. */
export function nameAt(place: Place | undefined): string {
  for (let at = place; at !== undefined; at = at.parent) if (typeof at.key === "string" && at.key !== "") return at.key;
  return "";
}
