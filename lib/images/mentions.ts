import { StowageError } from "../errors.ts";
import { parseDocuments, parseUnfilled } from "./manifest-objects.ts";
import type { Look, Mention } from "./mention.ts";
import {
  hubAndTag,
  imageField,
  imageVolume,
  packageOfCrossplane,
  podSpec,
  reference,
  splitWith,
} from "./object-rules.ts";
import { type Fields, fieldName, isFields, type Place } from "./place.ts";
import { partNames } from "./split.ts";
import { hasActions, withoutActions } from "./template-actions.ts";
import { argument, environment, isStructured, textLine, WORTH_READING } from "./text-rules.ts";

/**
 * Rules by what decides soonest that a place is not theirs: most places are nobody's. Those of a field's name come before those
 * of a sort of value, each list in its order: the first rule that knows a place has it.
 */
interface Rules {
  readonly keyed: ReadonlyMap<string, readonly Look[]>;
  readonly maps: readonly Look[];
  readonly lists: readonly Look[];
  readonly texts: readonly Look[];
}

function keyedRules(split: Look, others: readonly (readonly [key: string, rule: Look])[]): Rules["keyed"] {
  const rules = new Map(
    Map.groupBy(others, ([key]) => key)
      .entries()
      .map(([key, of]) => [key, of.map(([, rule]) => rule)]),
  );
  for (const key of partNames) rules.set(key, [...(rules.get(key) ?? []), split]);
  return rules;
}

const objectRules: Rules = {
  keyed: keyedRules(splitWith(), [
    ["image", podSpec],
    ["image", hubAndTag],
    ["reference", imageVolume],
    ["package", packageOfCrossplane],
  ]),
  maps: [environment],
  lists: [argument],
  texts: [imageField, reference, textLine],
};

const rulesOfValues = (appVersion: string | undefined): Rules => ({
  keyed: keyedRules(splitWith(appVersion), [
    ["image", podSpec],
    ["image", hubAndTag],
  ]),
  maps: [environment],
  lists: [argument],
  texts: [imageField, reference],
});

/** Deeper than any object of the API server, which refuses more than 10,000 levels and has some 30 in practice. */
const MAX_DEPTH = 200;
/** The largest objects besides CustomResourceDefinitions are dashboards of some 10,000. Aliases can make many of few. */
const MAX_VALUES = 200_000;
/** etcd takes 1.5 MiB an object (https://etcd.io/docs/v3.5/dev-guide/limit/). What aliases repeat counts each time. */
const MAX_CHARACTERS = 2 * 1024 * 1024;
/** Texts inside objects that are objects themselves: a manifest in a ConfigMap in a HelmChart. */
const MAX_EMBEDDED = 3;

export interface Mentions {
  readonly mentions: readonly Mention[];
  /** Why some part of the object was not looked at. */
  readonly problems: ReadonlySet<string>;
}

/** Every image that an object names. Schemas in CustomResourceDefinitions name none. */
export function mentionsIn(object: Fields): Mentions {
  const walk = new Walk(objectRules);
  if (object.get("kind") !== "CustomResourceDefinition") walk.visit(object, "", undefined, 0, 0);
  return walk;
}

/** Every image that values.yaml names, with the chart's appVersion where a tag is left empty. */
export function mentionsInValues(values: unknown, appVersion: string | undefined): Mentions {
  const walk = new Walk(rulesOfValues(appVersion));
  walk.visit(values, "", undefined, 0, 0);
  return walk;
}

class Walk implements Mentions {
  readonly mentions: Mention[] = [];
  readonly problems = new Set<string>();
  readonly #rules: Rules;
  #left = MAX_VALUES;
  #characters = MAX_CHARACTERS;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Looks at a value, and at all in it. The other parameters make up its {@linkcode Place}, and say how deep that is. */
  visit(value: unknown, key: string | number, parent: Place | undefined, depth: number, embedded: number): void {
    if (this.#left < 0) return;
    if (this.#left-- === 0) return void this.problems.add(`it has more than ${MAX_VALUES} values`);
    if (depth > MAX_DEPTH) return void this.problems.add(`it is nested more than ${MAX_DEPTH} levels deep`);
    const byKey = typeof key === "string" ? this.#rules.keyed.get(key) : undefined;
    const bySort = this.#rulesFor(value);
    if (byKey === undefined && bySort === undefined) return;
    const place = { value, key, parent };
    if (isIgnored(place)) return;
    if (typeof value === "string") {
      this.#characters -= value.length;
      if (this.#characters < 0) return void this.problems.add(`it has more than ${MAX_CHARACTERS} characters`);
      if (this.#visitEmbedded(value, place, depth, embedded)) return;
    }
    if (this.#ask(byKey, place) || this.#ask(bySort, place)) return;
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) this.visit(value[i], i, place, depth + 1, embedded);
    } else if (isFields(value)) {
      for (const [field, item] of value) this.visit(item, fieldName(field), place, depth + 1, embedded);
    }
  }

  #rulesFor(value: unknown): readonly Look[] | undefined {
    if (typeof value === "string") return this.#rules.texts;
    if (Array.isArray(value)) return this.#rules.lists;
    return isFields(value) ? this.#rules.maps : undefined;
  }

  /** @returns whether one of the rules knows the place */
  #ask(rules: readonly Look[] | undefined, place: Place): boolean {
    if (rules === undefined) return false;
    for (const look of rules) {
      const found = look(place);
      if (found === undefined) continue;
      for (const mention of found) this.mentions.push(mention);
      return true;
    }
    return false;
  }

  /** @returns whether the text was an object or list, and is done */
  #visitEmbedded(text: string, place: Place, depth: number, embedded: number): boolean {
    if (embedded >= MAX_EMBEDDED || !isStructured(text) || !WORTH_READING.test(text)) return false;
    const values = readEmbedded(text);
    if (values.length === 0) return false;
    for (const value of values) this.visit(value, "", place, depth + 1, embedded + 1);
    return true;
  }
}

/** The maps and lists a text holds; none when it holds something else. */
function readEmbedded(text: string): readonly unknown[] {
  const unfilled = hasActions(text) ? withoutActions(text) : undefined;
  try {
    const documents = unfilled === undefined ? parseDocuments(text) : parseUnfilled(unfilled.text);
    const values = documents.filter((value) => value !== null);
    if (!values.every((value) => typeof value === "object")) return [];
    return unfilled === undefined ? values : values.map((value) => restored(value, unfilled.restore));
  } catch (error) {
    if (error instanceof StowageError) return [];
    throw error;
  }
}

/** A value with the actions back in its texts. */
function restored(value: unknown, restore: (text: string) => string): unknown {
  if (typeof value === "string") return restore(value);
  if (Array.isArray(value)) return value.map((item) => restored(item, restore));
  if (!isFields(value)) return value;
  return new Map(Array.from(value, ([key, item]) => [restore(key), restored(item, restore)]));
}

/** Copies of older states, labels that look like names, and prose. */
function isIgnored({ key, parent }: Place): boolean {
  if (key === "kubectl.kubernetes.io/last-applied-configuration") return true;
  if (key === "labels" || key === "matchLabels") return true;
  const ofObject = parent !== undefined && parent.parent === undefined;
  if (ofObject && key === "status") return true;
  if (ofObject && key === "data") return isFields(parent.value) && parent.value.get("kind") === "Secret";
  return typeof key === "string" && /^(?:description|documentation)$|\.(?:md|html?|css|js|sql)$/i.test(key);
}
