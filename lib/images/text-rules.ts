import { type Look, type Mention, mention, proven } from "./mention.ts";
import { saysImage } from "./names.ts";
import { isFields, type Place } from "./place.ts";
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
  const words = list.value.flatMap((value, key) => wordsOf({ value, key, parent: list }));
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
  const [name, value] = [variable.get("name"), variable.get("value")];
  if (typeof name !== "string" || typeof value !== "string" || isStructured(value)) return undefined;
  const variables = valuesByName(parent.value);
  return valueMentions({ key: "value", value, parent: place }, "environment", name, value, (n) => variables.get(n));
};

/** The same list is asked for by each of its variables. */
const variablesOf = new WeakMap<readonly unknown[], ReadonlyMap<unknown, string | undefined>>();

function valuesByName(env: readonly unknown[]): ReadonlyMap<unknown, string | undefined> {
  let variables = variablesOf.get(env);
  if (variables === undefined) {
    variables = new Map(env.filter(isFields).map((each) => [each.get("name"), textOf(each, "value")]));
    variablesOf.set(env, variables);
  }
  return variables;
}

/**
 * Lines `name = value` of TOML, properties, shell and the like, and of templates that are no YAML before they are filled;
 * within a line `image: value`, also in JSON or YAML that a script quotes, and `<image>value</image>`.
 */
export const textLine: Look = (place) => {
  if (typeof place.value !== "string" || !place.value.includes("\n")) return undefined;
  const lines = place.value.slice(0, MAX_TEXT).split("\n");
  return lines.flatMap((line) => (HAS_SIGN.test(line) ? lineMentions(place, line.slice(0, MAX_LINE).trim()) : []));
};

/** What every line has that names an image: the word, or what stands between the parts of a reference. */
const HAS_SIGN = /[/@]|image/i;

function lineMentions(place: Place, line: string): readonly Mention[] {
  const [, name, rest] = ASSIGNMENT.exec(line) ?? [];
  if (name !== undefined && rest !== undefined) {
    const value = rest
      .trim()
      .replace(/[,;]$/, "")
      .replace(/^(["'])(.*)\1$/, "$2");
    if (name === "image" && hasActions(value)) return [proven(place, "text-line", value, undefined)];
    if (!/[\s"'{]/.test(value)) return valueMentions(place, "text-line", name, value, () => undefined);
  }
  if (COMMENT.test(line) || !WORTH_READING.test(line)) return [];
  return [...namedWithin(place, line), ...wordsWithin(place, line)];
}

const ASSIGNMENT = /^(?:export |- )?["']?([\w./-]{1,100})["']?\s*[=:](.*)$/;
const COMMENT = /^(?:[#;]|\/\/|<!--)/;
const MAX_LINE = 2000;
const MAX_TEXT = 1024 * 1024;

/** `image: value`, `--image=value`, `--image value`, `<image>value`, where the value has a tag or digest and ends as a word does. */
const NAMED =
  /(?<![\w.-])(?:([\w.-]{0,100}image[\w.-]{0,100})\\?["']?\s*[=:>]|(--[\w.-]{0,100}image[\w.-]{0,100})\s)\s*\\?["']?([\w./-]+(?::\d+\/[\w./-]+)?[:@]\w[\w.:@-]*)(?=[\s"'\\<,;)}\]|&]|$)/gi;

function* namedWithin(place: Place, line: string): Generator<Mention> {
  for (const [, assigned, flag, value] of line.matchAll(NAMED)) {
    const spelling = saysImage((assigned ?? flag)!) ? readSpelling(value!) : undefined;
    if (spelling?.exact) yield mention(place, "text-line", value!, spelling);
  }
}

/** A quick look before the real one, which is dear for what is no reference. */
const MAY_SPEAK = /^[\w.-]+(?::\d+)?\/[^/].*[:@]\w/;

/** References as a whole. Nothing says what they are for: they are suspected. */
function* wordsWithin(place: Place, line: string): Generator<Mention> {
  for (const word of line.split(/[\s"'`\\;|&()<>=,[\]]+/)) {
    const spelling = MAY_SPEAK.test(word) ? readSpelling(word) : undefined;
    if (spelling === undefined || !speaksForItself(spelling)) continue;
    yield { ...mention(place, "text-line", word, spelling), status: "suspected" };
  }
}

/** A quick look whether a text may name an image: it says image, or holds something like `host.tld/path:tag`. */
export const WORTH_READING = /image|\.[a-z]{2,20}(?::\d{1,5})?\/[\w./-]{1,300}[:@]/i;

/** Text that may be JSON, or a map or list in YAML. A template's action is not. */
export const isStructured = (text: string): boolean =>
  /^\s*[[{](?![[{]\s*[.$\w-])/.test(text) ||
  (text.includes("\n") && /^[ \t]*(?:- .|["']?[\w./-]+["']?:(?:\s|$))/m.test(text));

/** What stands between the parts of a reference that nothing but itself says to be one. */
const PARTS = /[/@]/;

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
  if (!hinted && !PARTS.test(value)) return [];
  return value.split(/[\s,]+/).flatMap((piece) => {
    const raw = piece.replace(/^[\w.-]+=/, "");
    // most words are not worth the attempt
    if (!hinted && !PARTS.test(raw)) return [];
    const spelling = readSpelling(raw);
    if (spelling === undefined) return [];
    const enough = speaksForItself(spelling) || (hinted && (spelling.exact || spelling.hosted));
    return enough ? [mention(place, rule, raw, spelling)] : [];
  });
}
