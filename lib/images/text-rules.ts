import { type Look, type Mention, mention, proven } from "./mention.ts";
import { saysImage } from "./names.ts";
import { isFields, type Place, placesIn } from "./place.ts";
import type { RuleName } from "./rules.ts";
import { isMisprint, readSpelling, speaksForItself } from "./spelling.ts";
import { textOf, withCompanions } from "./split.ts";
import { hasActions } from "./template-actions.ts";

/** What Linux takes for all arguments of a program is some 2 MiB; scripts in charts have some kilobytes. */
const MAX_ARGUMENTS = 256 * 1024;
const ARGUMENT_LISTS = /^(?:args|command|.*(?:Args|Arguments|Flags|Command))$/;

/** One word of a command line, and where it stands. */
interface Word {
  readonly text: string;
  readonly place: Place;
}

export const argument: Look = (list) => {
  if (!Array.isArray(list.value) || typeof list.key !== "string" || !ARGUMENT_LISTS.test(list.key)) return undefined;
  if (!list.value.every((item) => typeof item === "string" || typeof item === "number")) return undefined;
  if (list.value.reduce<number>((sum, item) => sum + String(item).length, 0) > MAX_ARGUMENTS) return undefined;
  const words = [...placesIn(list)].flatMap(wordsOf);
  const flags = words.map((word, i) => readFlag(word, words[i - 1]));
  const values = new Map(flags.map(({ flag, value }) => [flag, value]));
  return flags.flatMap(({ flag, value, place }) =>
    valueMentions(place, "argument", flag, value, (name) => values.get(name)),
  );
};

/** Shell scripts are words too. */
const wordsOf = (place: Place): readonly Word[] =>
  String(place.value)
    .split(/[\s"';|&()]+/)
    .filter((text) => text !== "")
    .map((text) => ({ text, place }));

/** `--flag=value`, `NAME=value`, or a word behind `--flag`. */
function readFlag({ text, place }: Word, before: Word | undefined): { flag: string; value: string; place: Place } {
  const assigned = /^(-{0,2}[A-Za-z][\w.-]*)=(.*)$/s.exec(text);
  if (assigned !== null) return { flag: assigned[1]!, value: assigned[2]!, place };
  const flag = before !== undefined && /^--?[A-Za-z][\w.-]*$/.test(before.text) ? before.text : "";
  return { flag, value: text, place };
}

export const environment: Look = (place) => {
  const { value: variable, parent } = place;
  if (parent?.key !== "env" || !Array.isArray(parent.value) || !isFields(variable)) return undefined;
  const [name, value] = [variable["name"], variable["value"]];
  if (typeof name !== "string" || typeof value !== "string" || isStructured(value)) return undefined;
  const variables = valuesByName(parent.value);
  return valueMentions({ key: "value", value, parent: place }, "environment", name, value, (n) => variables.get(n));
};

/** The same list is asked for by each of its variables. */
const variablesOf = new WeakMap<readonly unknown[], ReadonlyMap<unknown, string | undefined>>();

function valuesByName(env: readonly unknown[]): ReadonlyMap<unknown, string | undefined> {
  let variables = variablesOf.get(env);
  if (variables === undefined) {
    variables = new Map(env.filter(isFields).map((each) => [each["name"], textOf(each, "value")]));
    variablesOf.set(env, variables);
  }
  return variables;
}

/** Lines `name = value` of TOML, properties, shell and the like, and of templates that are no YAML before they are filled. */
export const textLine: Look = (place) => {
  if (typeof place.value !== "string" || !place.value.includes("\n")) return undefined;
  const lines = place.value.slice(0, MAX_TEXT).split("\n");
  return lines.flatMap((line) => {
    const [, name, rest] = ASSIGNMENT.exec(line.slice(0, MAX_LINE).trim()) ?? [];
    if (name === undefined || rest === undefined) return [];
    const value = rest
      .trim()
      .replace(/[,;]$/, "")
      .replace(/^(["'])(.*)\1$/, "$2");
    if (hasActions(value)) return name === "image" ? [proven(place, "text-line", value, undefined)] : [];
    return /[\s"']/.test(value) ? [] : valueMentions(place, "text-line", name, value, () => undefined);
  });
};

const ASSIGNMENT = /^(?:export |- )?["']?([\w./-]{1,100})["']?\s*[=:](.*)$/;
const MAX_LINE = 2000;
const MAX_TEXT = 1024 * 1024;

/** Text that may be JSON, or a map or list in YAML. A template's action is not. */
export const isStructured = (text: string): boolean =>
  /^\s*[[{](?![[{]\s*[.$\w-])/.test(text) ||
  (text.includes("\n") && /^[ \t]*(?:- .|["']?[\w./-]+["']?:(?:\s|$))/m.test(text));

/** What a name is set to: one reference, several with commas or on lines, or `4.2.0=reference`. */
function valueMentions(
  place: Place,
  rule: RuleName,
  name: string,
  value: string,
  besides: (name: string) => string | undefined,
): readonly Mention[] {
  const hinted = saysImage(name);
  if (hinted && isMisprint(value)) return [proven(place, rule, value, undefined)];
  const joined = withCompanions(value, name, besides);
  if (joined !== undefined) return [mention(place, rule, joined.text, joined.spelling)];
  return value.split(/[\s,]+/).flatMap((piece) => {
    const raw = piece.replace(/^[\w.-]+=/, "");
    const spelling = readSpelling(raw);
    if (spelling === undefined) return [];
    const enough = speaksForItself(spelling) || (hinted && (spelling.exact || spelling.hosted));
    return enough ? [mention(place, rule, raw, spelling)] : [];
  });
}
