import { FunctionError } from "../function-table.ts";
import { TypedSlice, type Value, type ValueMap } from "../value.ts";
import { fromParsed } from "./time.ts";

/**
 * Reads TOML 1.0, and inline tables over several lines. Integers are int64, dates and times time.Time, lists of tables `[]map[string]interface {}`.
 *
 * @throws FunctionError with the line, for what is not TOML
 */
export const readToml = (text: string): ValueMap => new TomlReader(text).document();

const bareKey = /[A-Za-z0-9_-]+/y;
const blank = /[ \t]*/y;
const blankLines = /(?:[ \t\r\n]|#[^\n]*)*/y;
const lineEnd = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
const dateTime =
  /(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([-+])(\d\d):(\d\d))?)?(?![0-9])|(\d\d):(\d\d):(\d\d)(?:\.(\d+))?/y;
const number =
  /0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*|[-+]?(?:inf|nan)|[-+]?(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9](?:_?[0-9])*)?(?:[eE][-+]?[0-9](?:_?[0-9])*)?/y;
const maxDepth = 200;

class TomlReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** Tables that a header or an inline table defined: they cannot be defined again. */
  readonly #defined = new Set<ValueMap>();
  /** Inline tables and lists are closed: nothing can be added from outside. */
  readonly #closed = new Set<Value>();

  constructor(text: string) {
    this.#text = text;
  }

  document(): ValueMap {
    const root: ValueMap = new Map();
    let table = root;
    this.#skip(blankLines);
    while (this.#at < this.#text.length) {
      if (this.#take("[[")) table = this.#listTable(root);
      else if (this.#take("[")) table = this.#table(root);
      else this.#pair(table);
      if (this.#match(lineEnd) === undefined) throw this.#error("expected a line break");
      this.#skip(blankLines);
    }
    return root;
  }

  #table(root: ValueMap): ValueMap {
    const path = this.#keyPath("]");
    const parent = this.#descend(root, path.slice(0, -1));
    const name = path.at(-1)!;
    const present = parent.get(name);
    if (present === undefined) parent.set(name, new Map());
    const table = parent.get(name);
    if (!(table instanceof Map) || this.#closed.has(table) || this.#defined.has(table)) throw this.#duplicate(path);
    this.#defined.add(table);
    return table;
  }

  #listTable(root: ValueMap): ValueMap {
    const path = this.#keyPath("]]");
    const parent = this.#descend(root, path.slice(0, -1));
    const name = path.at(-1)!;
    const present = parent.get(name) ?? new TypedSlice("[]map[string]interface {}", []);
    if (!(present instanceof TypedSlice) || this.#closed.has(present)) throw this.#duplicate(path);
    const table: ValueMap = new Map();
    present.push(table);
    parent.set(name, present);
    return table;
  }

  /** Goes down a path of tables, making those that are missing; of a list it is the last table. */
  #descend(from: ValueMap, path: readonly string[]): ValueMap {
    let table = from;
    for (const key of path) {
      if (!table.has(key)) table.set(key, new Map());
      const next = table.get(key);
      const inner = next instanceof TypedSlice ? next.at(-1) : next;
      if (!(inner instanceof Map) || this.#closed.has(inner)) throw this.#duplicate(path);
      table = inner;
    }
    return table;
  }

  #pair(table: ValueMap): void {
    const path = this.#keyPath("=");
    const parent = this.#descend(table, path.slice(0, -1));
    if (parent.has(path.at(-1)!)) throw this.#duplicate(path);
    this.#skip(blank);
    parent.set(path.at(-1)!, this.#value());
  }

  #keyPath(end: string): string[] {
    const path: string[] = [];
    do {
      this.#skip(blank);
      path.push(this.#key());
      this.#skip(blank);
    } while (this.#take("."));
    if (!this.#take(end)) throw this.#error(`expected ${JSON.stringify(end)} after a key`);
    if (path.length > maxDepth) throw this.#error("a key has too many parts");
    return path;
  }

  #key(): string {
    if (this.#take('"')) return this.#basicString(false);
    if (this.#take("'")) return this.#literalString("'");
    const key = this.#match(bareKey);
    if (key === undefined) throw this.#error("expected a key");
    return key[0];
  }

  #value(): Value {
    if (++this.#depth > maxDepth) throw this.#error("values are nested too deep");
    const value = this.#innerValue();
    this.#depth--;
    return value;
  }

  #innerValue(): Value {
    if (this.#take('"""')) return this.#basicString(true);
    if (this.#take('"')) return this.#basicString(false);
    if (this.#take("'''")) return this.#literalString("'''");
    if (this.#take("'")) return this.#literalString("'");
    if (this.#take("[")) return this.#list();
    if (this.#take("{")) return this.#inlineTable();
    if (this.#take("true")) return true;
    if (this.#take("false")) return false;
    const time = this.#match(dateTime);
    if (time) return this.#time(time);
    const found = this.#match(number);
    if (!found) throw this.#error("expected a value");
    return this.#number(found[0].replaceAll("_", ""));
  }

  #number(text: string): Value {
    if (/(?:inf|nan)$/.test(text)) {
      if (text.endsWith("nan")) return Number.NaN;
      return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    }
    if (!text.startsWith("0x") && /[.eE]/.test(text)) return Number(text);
    const value = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
    if (BigInt.asIntN(64, value) !== value) throw this.#error(`${text} is out of range for int64`);
    return value;
  }

  #time(match: RegExpExecArray): Value {
    const [year, month, day, hour, minute, second, , , , zoneHour, zoneMinute, onlyHour, onlyMinute, onlySecond] = match
      .slice(1)
      .map((part) => Number(part ?? 0)) as number[];
    const zoned = match[8] !== undefined || match[9] !== undefined;
    const offset = (match[9] === "-" ? -60 : 60) * (zoneHour! * 60 + zoneMinute!);
    const isTime = match[1] === undefined;
    const fields = {
      year: year!,
      month: isTime ? 1 : month!,
      day: isTime ? 1 : day!,
      hour: isTime ? onlyHour! : hour!,
      minute: isTime ? onlyMinute! : minute!,
      second: isTime ? onlySecond! : second!,
    };
    const last = new Date(Date.UTC(2000 + (fields.year % 400), fields.month, 0)).getUTCDate();
    const valid =
      fields.month >= 1 &&
      fields.month <= 12 &&
      fields.day >= 1 &&
      fields.day <= last &&
      fields.hour < 24 &&
      fields.minute < 60 &&
      fields.second < 60;
    if (!valid) throw this.#error(`${match[0]} is no time`);
    const fraction = (match[7] ?? match[15] ?? "").slice(0, 9).padEnd(9, "0");
    return fromParsed({ ...fields, nanosecond: Number(fraction), offset: zoned ? offset : undefined, zone: undefined });
  }

  #list(): Value[] {
    const items: Value[] = [];
    for (;;) {
      this.#skip(blankLines);
      if (this.#take("]")) break;
      items.push(this.#value());
      this.#skip(blankLines);
      if (this.#take(",")) continue;
      if (this.#take("]")) break;
      throw this.#error("expected a comma or the end of the list");
    }
    this.#closed.add(items);
    return items;
  }

  #inlineTable(): ValueMap {
    const table: ValueMap = new Map();
    for (;;) {
      this.#skip(blankLines);
      if (this.#take("}")) break;
      this.#pair(table);
      this.#skip(blankLines);
      if (this.#take(",")) continue;
      if (this.#take("}")) break;
      throw this.#error("expected a comma or the end of the table");
    }
    this.#closed.add(table);
    return table;
  }

  #literalString(end: string): string {
    const start = end.length === 3 ? this.#afterFirstBreak() : this.#at;
    let close = this.#text.indexOf(end, start);
    if (close < 0) throw this.#error("a string does not end");
    // up to two quotes may stand before the three that end it
    while (end.length === 3 && this.#text[close + 3] === "'") close++;
    const text = this.#text.slice(start, close);
    if (end.length === 1 && /[\r\n]/.test(text)) throw this.#error("a string does not end on its line");
    this.#at = close + end.length;
    return text.replaceAll("\r\n", "\n");
  }

  #afterFirstBreak(): number {
    if (this.#text.startsWith("\r\n", this.#at)) return this.#at + 2;
    return this.#text[this.#at] === "\n" ? this.#at + 1 : this.#at;
  }

  #basicString(multiline: boolean): string {
    if (multiline) this.#at = this.#afterFirstBreak();
    let text = "";
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || (!multiline && (char === "\n" || char === "\r")))
        throw this.#error("a string does not end");
      if (multiline && this.#text.startsWith('"""', this.#at)) {
        const quotes = /"{3,5}/y;
        quotes.lastIndex = this.#at;
        const run = quotes.exec(this.#text)![0];
        this.#at += run.length;
        return text + run.slice(3);
      }
      this.#at++;
      if (char === '"' && !multiline) return text;
      text += char === "\\" ? this.#escape(multiline) : char;
    }
  }

  #escape(multiline: boolean): string {
    const trimmed = multiline ? this.#match(/[ \t]*\r?\n[ \t\r\n]*/y) : undefined;
    if (trimmed) return "";
    const code = this.#match(/[btnfre"\\]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}/y)?.[0];
    if (code === undefined) throw this.#error("invalid escape in a string");
    const short: Readonly<Record<string, string>> = {
      b: "\b",
      t: "\t",
      n: "\n",
      f: "\f",
      r: "\r",
      e: "\x1b",
      '"': '"',
      "\\": "\\",
    };
    if (code.length === 1) return short[code]!;
    const point = Number.parseInt(code.slice(1), 16);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) throw this.#error("invalid code point in a string");
    return String.fromCodePoint(point);
  }

  #take(expected: string): boolean {
    const there = this.#text.startsWith(expected, this.#at);
    if (there) this.#at += expected.length;
    return there;
  }

  #match(syntax: RegExp): RegExpExecArray | undefined {
    syntax.lastIndex = this.#at;
    const match = syntax.exec(this.#text);
    if (!match) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #skip(syntax: RegExp): void {
    this.#match(syntax);
  }

  #duplicate(path: readonly string[]): FunctionError {
    return this.#error(`Key '${path.join(".")}' has already been defined.`);
  }

  #error(why: string): FunctionError {
    return new FunctionError(`toml: line ${this.#text.slice(0, this.#at).split("\n").length}: ${why}`);
  }
}
