import { SizedInteger, type Value } from "../../template/index.ts";
import { readJson } from "../../yaml/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { Refusal } from "./refusal.ts";

/** What the parts of an argument become: `--set`, `--set-string`, `--set-file`, `--set-json`, `--set-literal`. */
export type SetKind = "set" | "string" | "file" | "json" | "literal";

const MAX_INDEX = 65_536;
const MAX_DEPTH = 30;

/**
 * Lay what one `--set` argument says over `values`, in helm's grammar (helm v4.1.4 pkg/strvals): `a.b=1,c[0].d=x,e={x,y}`
 * with `\` to escape, `null` to remove a default. `--set-literal` takes everything behind the first `=` as it is.
 *
 * @param read gives the content of a file, for `--set-file`
 * @throws Refusal
 */
export function setValues(
  values: Table,
  argument: string,
  kind: SetKind,
  read: (path: string) => string = () => "",
): void {
  const parser = new SetParser(argument, kind, read);
  while (!parser.atEnd) parser.pair(values, 0);
}

type Stop = "=" | "[" | "]" | "." | "," | "}";

class SetParser {
  readonly #characters: readonly string[];
  #at = 0;
  readonly #kind: SetKind;
  readonly #read: (path: string) => string;

  constructor(argument: string, kind: SetKind, read: (path: string) => string) {
    this.#characters = [...argument];
    this.#kind = kind;
    this.#read = read;
  }

  get atEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  /** One `key=value`, or what is left of it below a key. @returns whether the argument ended before a value */
  pair(target: Table, depth: number): boolean {
    const { text: key, stop } = this.#until(this.#kind === "literal" ? ["=", "[", "."] : ["=", "[", ",", "."]);
    switch (stop) {
      case undefined:
        if (key !== "") throw new Refusal(`key ${JSON.stringify(key)} has no value`);
        return true;
      case "=": {
        const ended = this.atEnd && this.#kind !== "literal" && this.#kind !== "json";
        put(target, key, this.#value());
        return ended;
      }
      case "[": {
        const list = target.has(key) ? target.get(key) : [];
        if (!Array.isArray(list)) throw new Refusal(`unable to parse key: ${JSON.stringify(key)} is not a list`);
        const items = [...list];
        const ended = this.#item(items, this.#index(), depth);
        put(target, key, items);
        return ended;
      }
      case ".": {
        if (depth >= MAX_DEPTH) {
          throw new Refusal(`value name nested level is greater than maximum supported nested level of ${MAX_DEPTH}`);
        }
        const inner = target.has(key) ? target.get(key) : new Map();
        if (!isTable(inner)) throw new Refusal(`unable to parse key: ${JSON.stringify(key)} is not a map`);
        const ended = this.pair(inner, depth + 1);
        if (!ended && inner.size === 0) throw new Refusal(`key map ${JSON.stringify(key)} has no value`);
        if (inner.size > 0) put(target, key, inner);
        return ended;
      }
      default:
        throw new Refusal(`key ${JSON.stringify(key)} has no value (cannot end with ,)`);
    }
  }

  /** Put what stands behind `[index]` into the list. @returns whether the argument ended before a value */
  #item(list: Value[], index: number, depth: number): boolean {
    const { text, stop } = this.#until(["[", ".", "="]);
    if (text !== "") throw new Refusal(`unexpected data at end of array index: ${JSON.stringify(text)}`);
    if (stop === undefined) return true;
    if (stop === "=") {
      putItem(list, index, this.#value());
      return false;
    }
    const present = list[index];
    if (stop === "[") {
      if (present !== undefined && present !== null && !Array.isArray(present)) {
        throw new Refusal(`unable to parse key: item ${index} is not a list`);
      }
      const items = [...(present ?? [])];
      const ended = this.#item(items, this.#index(), depth);
      if (!ended) putItem(list, index, items);
      return ended;
    }
    const inner = isTable(present) ? present : new Map<string, Value>();
    if (index < list.length) list[index] = inner;
    const ended = this.pair(inner, depth);
    // as in helm, an item whose only field has no value is left out
    if (!ended) putItem(list, index, inner);
    return ended;
  }

  #index(): number {
    const { text, stop } = this.#until(["]"]);
    if (stop === undefined || !/^[+-]?[0-9]+$/.test(text)) {
      throw new Refusal(`error parsing index: ${JSON.stringify(text)} is not a number`);
    }
    const index = Number(text);
    if (index < 0) throw new Refusal(`negative ${index} index not allowed`);
    if (index > MAX_INDEX) {
      throw new Refusal(`index of ${index} is greater than maximum supported index of ${MAX_INDEX}`);
    }
    return index;
  }

  #value(): Value {
    if (this.#kind === "literal") return this.#rest();
    if (this.#kind === "json") return this.#json();
    if (this.atEnd) return "";
    if (this.#characters[this.#at] !== "{") return this.#converted(this.#until([","]).text);
    this.#at++;
    const list: Value[] = [];
    for (;;) {
      const { text, stop } = this.#until([",", "}"]);
      if (stop === undefined) throw new Refusal("list must terminate with '}'");
      list.push(this.#converted(text));
      if (stop === ",") continue;
      if (this.#characters[this.#at] === ",") this.#at++;
      return list;
    }
  }

  #rest(): string {
    const rest = this.#characters.slice(this.#at).join("");
    this.#at = this.#characters.length;
    return rest;
  }

  /** One JSON value, with the blanks and the comma behind it. Nothing at all is null. */
  #json(): Value {
    if (this.#skipEmpty()) return null;
    const end = endOfJson(this.#characters, this.#at);
    const text = this.#characters.slice(this.#at, end).join("");
    this.#at = end;
    this.#skipEmpty();
    return readJson(text);
  }

  /** @returns whether there was nothing before the next comma or the end */
  #skipEmpty(): boolean {
    for (; !this.atEnd; this.#at++) {
      const character = this.#characters[this.#at]!;
      if (character === ",") {
        this.#at++;
        return true;
      }
      if (!/\s/u.test(character)) return false;
    }
    return true;
  }

  #converted(text: string): Value {
    if (this.#kind === "string") return text;
    return this.#kind === "file" ? this.#read(text) : typed(text);
  }

  /** Read up to one of the stops, which is consumed. A `\` takes away the meaning of the next character. */
  #until(stops: readonly Stop[]): { readonly text: string; readonly stop: Stop | undefined } {
    let text = "";
    while (!this.atEnd) {
      const character = this.#characters[this.#at++]!;
      if (stops.includes(character as Stop)) return { text, stop: character as Stop };
      if (character !== "\\" || this.#kind === "literal") text += character;
      else if (!this.atEnd) text += this.#characters[this.#at++];
    }
    return { text, stop: undefined };
  }
}

function put(target: Table, key: string, value: Value): void {
  if (key !== "") target.set(key, value);
}

function putItem(list: Value[], index: number, value: Value): void {
  while (list.length <= index) list.push(null);
  list[index] = value;
}

/** The types `--set` knows: booleans, null, whole numbers of 64 bits without leading zero, text. */
function typed(text: string): Value {
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return lower === "true";
  if (lower === "null") return null;
  if (text === "0") return new SizedInteger("int64", 0n);
  if (/^[+-]?[0-9]+$/.test(text) && !text.startsWith("0")) {
    const whole = BigInt(text.startsWith("+") ? text.slice(1) : text);
    if (BigInt.asIntN(64, whole) === whole) return new SizedInteger("int64", whole);
  }
  return text;
}

/** Where the JSON value that begins at `start` ends: behind its last bracket, quote or letter. */
function endOfJson(characters: readonly string[], start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < characters.length; at++) {
    const character = characters[at]!;
    if (quoted) {
      if (character === "\\") at++;
      else if (character === '"') {
        quoted = false;
        if (depth === 0) return at + 1;
      }
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") {
      depth--;
      if (depth <= 0) return at + 1;
    } else if (depth === 0 && /[\s,]/u.test(character)) return at;
  }
  return characters.length;
}
