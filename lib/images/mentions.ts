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
import { type Fields, isFields, type Place, placesIn, rootPlace } from "./place.ts";
import { hasActions, withoutActions } from "./template-actions.ts";
import { argument, environment, isStructured, textLine, WORTH_READING } from "./text-rules.ts";

/** In this order: the first rule that knows a place has it. */
const objectRules: readonly Look[] = [
  podSpec,
  imageVolume,
  packageOfCrossplane,
  environment,
  argument,
  hubAndTag,
  splitWith(),
  imageField,
  reference,
  textLine,
];

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
  if (object["kind"] !== "CustomResourceDefinition") walk.visit(rootPlace(object), 0, 0);
  return walk;
}

/** Every image that values.yaml names, with the chart's appVersion where a tag is left empty. */
export function mentionsInValues(values: unknown, appVersion: string | undefined): Mentions {
  const walk = new Walk([podSpec, environment, argument, hubAndTag, splitWith(appVersion), imageField, reference]);
  walk.visit(rootPlace(values), 0, 0);
  return walk;
}

class Walk implements Mentions {
  readonly mentions: Mention[] = [];
  readonly problems = new Set<string>();
  readonly #rules: readonly Look[];
  #left = MAX_VALUES;
  #characters = MAX_CHARACTERS;

  constructor(rules: readonly Look[]) {
    this.#rules = rules;
  }

  visit(place: Place, depth: number, embedded: number): void {
    if (this.#left < 0) return;
    if (this.#left-- === 0) return void this.problems.add(`it has more than ${MAX_VALUES} values`);
    if (depth > MAX_DEPTH) return void this.problems.add(`it is nested more than ${MAX_DEPTH} levels deep`);
    if (isIgnored(place)) return;
    if (typeof place.value === "string") this.#characters -= place.value.length;
    if (this.#characters < 0) return void this.problems.add(`it has more than ${MAX_CHARACTERS} characters`);
    if (typeof place.value === "string" && this.#visitEmbedded(place, depth, embedded)) return;
    for (const look of this.#rules) {
      const found = look(place);
      if (found === undefined) continue;
      this.mentions.push(...found);
      return;
    }
    for (const inner of placesIn(place)) this.visit(inner, depth + 1, embedded);
  }

  /** @returns whether the text was an object or list, and is done */
  #visitEmbedded(place: Place, depth: number, embedded: number): boolean {
    const text = place.value as string;
    if (embedded >= MAX_EMBEDDED || !isStructured(text) || !WORTH_READING.test(text)) return false;
    const values = readEmbedded(text);
    if (values.length === 0) return false;
    for (const value of values) this.visit({ value, key: "", parent: place }, depth + 1, embedded + 1);
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
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [restore(key), restored(item, restore)]));
}

/** Copies of older states, labels that look like names, and prose. */
function isIgnored({ key, parent }: Place): boolean {
  if (key === "kubectl.kubernetes.io/last-applied-configuration") return true;
  if (key === "labels" || key === "matchLabels") return true;
  const ofObject = parent !== undefined && parent.parent === undefined;
  if (ofObject && key === "status") return true;
  if (ofObject && key === "data") return isFields(parent.value) && parent.value["kind"] === "Secret";
  return typeof key === "string" && /^(?:description|documentation)$|\.(?:md|html?|css|js|sql)$/i.test(key);
}
