import { formatFloat } from "../../yaml/index.ts";
import { FunctionError } from "../function-table.ts";
import { SizedInteger, Struct, sortedKeys, typeName, type Value } from "../value.ts";
import { GoTime } from "./time.ts";

/**
 * Writes TOML as BurntSushi/toml 1.6 does: keys sorted, values before tables, each table indented by its depth, floats
 * always with a point; nil is left out.
 *
 * @throws FunctionError with the words of the library for what TOML cannot hold
 */
export function writeToml(value: Value): string {
  const writer = new TomlWriter();
  writer.node([], value);
  return writer.text;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
};
const quoted = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  `"${text.replace(/["\\\0-\x1f\x7f]/g, (char) => escapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
const keyText = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : quoted(key));

type Table = ReadonlyMap<string, Value>;

/** A struct is written by its exported fields. */
function asTable(value: Value): Table | undefined {
  if (value instanceof Map) return value;
  return value instanceof Struct && !(value instanceof GoTime) ? value.fields : undefined;
}

const isNil = (value: Value): boolean => value === null || value === undefined;

function isTableList(value: Value): value is Value[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  if (value.some(isNil)) throw new FunctionError("toml: cannot encode array with nil element");
  return value.every((item) => asTable(item) !== undefined);
}

class TomlWriter {
  text = "";

  node(path: readonly string[], value: Value): void {
    const table = asTable(value);
    if (table) this.#table(path, table);
    else if (isTableList(value)) this.#tables(path, value);
    else if (!isNil(value)) this.#pair(path, value);
  }

  #table(path: readonly string[], table: Table): void {
    if (path.length === 1) this.#newline();
    if (path.length > 0) this.text += `${indent(path)}[${path.map(keyText).join(".")}]\n`;
    this.#entries(path, table);
  }

  #tables(path: readonly string[], tables: readonly Value[]): void {
    if (path.length === 0) throw new FunctionError("toml: top-level values must be Go maps or structs");
    for (const item of tables) {
      this.#newline();
      this.text += `${indent(path)}[[${path.map(keyText).join(".")}]]\n`;
      this.#entries(path, asTable(item)!);
    }
  }

  #entries(path: readonly string[], table: Table): void {
    for (const key of inOrder(table)) this.node([...path, key], table.get(key));
  }

  #pair(path: readonly string[], value: Value): void {
    if (path.length === 0) this.text += element(value);
    else this.text += `${indent(path)}${keyText(path.at(-1)!)} = ${element(value)}\n`;
  }

  #newline(): void {
    if (this.text !== "") this.text += "\n";
  }
}

const indent = (path: readonly string[]): string => "  ".repeat(path.length - 1);

/** Plain values first, then tables and lists of them. */
function inOrder(table: Table): string[] {
  const keys = sortedKeys(table);
  const isTable = (key: string): boolean => asTable(table.get(key)) !== undefined || isTableList(table.get(key));
  return [...keys.filter((key) => !isTable(key)), ...keys.filter(isTable)];
}

/** A value on one line. */
function element(value: Value): string {
  const table = asTable(value);
  if (table)
    return `{${inOrder(table)
      .filter((key) => !isNil(table.get(key)))
      .map((key) => `${keyText(key)} = ${element(table.get(key))}`)
      .join(", ")}}`;
  if (value instanceof GoTime) return value.format("2006-01-02T15:04:05.999999999Z07:00");
  if (value instanceof Uint8Array) return `[${[...value].join(", ")}]`;
  if (value instanceof SizedInteger) return String(value.value);
  if (Array.isArray(value)) {
    if (value.some(isNil)) throw new FunctionError("toml: cannot encode array with nil element");
    return `[${value.map(element).join(", ")}]`;
  }
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "number":
      return floatText(value);
    default:
      throw new FunctionError(`unexpected type: ${typeName(value)}`);
  }
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = formatFloat(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
