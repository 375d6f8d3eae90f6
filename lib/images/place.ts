/** A map, as lib/yaml reads it, whose fields nobody has checked yet. */
export type Fields = ReadonlyMap<string, unknown>;

export const isFields = (value: unknown): value is Fields => value instanceof Map;

/** One value inside an object, with the way to it. */
export interface Place {
  readonly value: unknown;
  /** Key in a map or index in a list; `""` for the object itself and for what a text holds when it is parsed. */
  readonly key: string | number;
  readonly parent: Place | undefined;
}

/** Ends the name of a field that its map has once more: where every branch of a template stays, so does each of its fields. */
export const REPEATED = "\ue002";

/** The name of a field without what makes it another one than that of the same name before it. */
export function fieldName(key: string): string {
  const end = key.indexOf(REPEATED);
  return end < 0 ? key : key.slice(0, end);
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
export const siblingsOf = ({ parent }: Place): Fields => (isFields(parent?.value) ? parent.value : noFields);

const noFields: Fields = new Map();

/** The nearest name at or above a place: `images` for `images[0]`. */
export function nameAt(place: Place | undefined): string {
  for (let at = place; at !== undefined; at = at.parent) if (typeof at.key === "string" && at.key !== "") return at.key;
  return "";
}
