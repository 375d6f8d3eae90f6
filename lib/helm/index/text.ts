import { compareText, type IndexEntry } from "./fold.ts";

/** The two forms of an index, as pieces that are put behind each other: a head, one piece a chart, a foot. */
export interface TextForm {
  /** @param generated newest `created` of the index: the same charts give the same bytes */
  head(generated: string, isEmpty: boolean): string;
  readonly between: string;
  readonly foot: string;
  chart(name: string, entries: readonly IndexEntry[]): string;
}

export const EPOCH = "1970-01-01T00:00:00.000Z";

/** https://helm.sh/docs/topics/chart_repository/#the-index-file; two spaces an indent. */
export const yamlForm: TextForm = {
  head: (generated, isEmpty) => `apiVersion: v1\ngenerated: ${quoted(generated)}\nentries:${isEmpty ? " {}" : ""}\n`,
  between: "",
  foot: "",
  chart: (name, entries) =>
    `  ${keyOf(name)}:\n${entries.map((entry) => `    - ${block(entry, "      ")}\n`).join("")}`,
};

/** The same as JSON. */
export const jsonForm: TextForm = {
  head: (generated) => `{"apiVersion":"v1","generated":${JSON.stringify(generated)},"entries":{`,
  between: ",",
  foot: "}}\n",
  chart: (name, entries) => `${JSON.stringify(name)}:${JSON.stringify(entries)}`,
};

export const newest = (times: Iterable<string>): string => {
  let last = EPOCH;
  for (const time of times) if (compareText(time, last) > 0) last = time;
  return last;
};

/** A mapping whose first line stands behind what comes before, the others behind `indent`. */
function block(value: object, indent: string): string {
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return fields.map(([key, field]) => `${keyOf(key, indent)}:${under(field, indent)}`).join(`\n${indent}`);
}

/** What stands behind the colon of a key. */
function under(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0) {
    return value.map((item) => `\n${indent}  - ${isMap(item) ? block(item, `${indent}    `) : scalar(item)}`).join("");
  }
  return isMap(value) ? `\n${indent}  ${block(value, `${indent}  `)}` : ` ${scalar(value)}`;
}

const isMap = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

/** Also the empty list and the empty mapping, which YAML writes as JSON does. */
const scalar = (value: unknown): string => (typeof value === "string" ? quoted(value) : JSON.stringify(value));

/** helm reads YAML 1.1, where `yes`, `1.10` or `2030-01-05` are no strings: what could be something else is quoted. */
const PLAIN = /^(?!(?:y|yes|n|no|on|off|true|false|null)$)[a-z][a-z0-9-]*$/i;
/** A key that is followed by its colon has 1024 characters at most (https://yaml.org/spec/1.1/#id934537). */
const MAX_IMPLICIT_KEY = 1000;

function keyOf(key: string, indent = ""): string {
  if (PLAIN.test(key) && key.length < MAX_IMPLICIT_KEY) return key;
  const text = quoted(key);
  return text.length < MAX_IMPLICIT_KEY ? text : `? ${text}\n${indent}`;
}

/** Characters that JSON allows as they are and YAML does not, or takes for line breaks. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

const quoted = (text: string): string =>
  JSON.stringify(text.toWellFormed()).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
