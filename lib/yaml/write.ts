import { writeJson } from "./json.ts";
import { type KeyOrder, orderOfV2, orderOfV3 } from "./key-order.ts";
import { formatFloat } from "./number.ts";
import { needsQuotes } from "./scalar.ts";
import { escapeOf, isBreak, isSimpleKey, lineBreak, mustEscape, scalarStyle, throughJson } from "./scalar-style.ts";
import { defaultLimits, toPlain, type WritableValue, YamlError } from "./value.ts";

/** How the two versions of go-yaml that Helm writes with differ. */
interface Style {
  readonly order: KeyOrder;
  /** The column after which a space becomes a line break. */
  readonly width: number;
  /** Whether the dashes of a list stand right of the key it belongs to. */
  readonly indentLists: boolean;
  /** Tabs are allowed in blocks. */
  readonly tabsInBlocks: boolean;
  readonly number: (value: number) => string;
}

const v2: Style = { order: orderOfV2, width: 80, indentLists: false, tabsInBlocks: false, number: numberThroughJson };
const v3: Style = {
  order: orderOfV3,
  width: Number.POSITIVE_INFINITY,
  indentLists: true,
  tabsInBlocks: true,
  number: (value) => ({ "+Inf": ".inf", "-Inf": "-.inf", NaN: ".nan" })[formatFloat(value)] ?? formatFloat(value),
};

/**
 * Writes YAML as Helm's toYaml does: by way of JSON, with go-yaml v2. Ends with a line break.
 *
 * @throws YamlError for what JSON or YAML cannot hold: NaN, infinite numbers, control characters above U+007E
 */
export const writeYaml = (value: WritableValue): string => write(value, v2);

/** Writes YAML as Helm's toYamlPretty does: with go-yaml v3, lists indented, nothing folded. Ends with a line break. */
export const writeYamlPretty = (value: WritableValue): string => write(value, v3);

function write(value: WritableValue, style: Style): string {
  const emitter = new Emitter(style);
  emitter.node(value, -2, "root");
  return emitter.text();
}

/** A float64 becomes JSON first: go-yaml then sees an integer if it fits 64 bits, else a float. */
function numberThroughJson(value: number): string {
  if (!Number.isFinite(value)) throw new YamlError("write YAML", "json: unsupported value");
  if (!Number.isInteger(value) || Math.abs(value) >= 1e21) return formatFloat(value);
  if (Number.isSafeInteger(value)) return String(value);
  const integer = BigInt(String(value)); // of the shortest digits, which is not always the value itself
  return integer >= -(2n ** 63n) && integer < 2n ** 64n ? String(integer) : formatFloat(value);
}

/** Most scalars of manifests: plain whatever the rules below say, unless they read as another type. */
const simple = /^[A-Za-z_/][A-Za-z0-9_./-]*$/;

const longestKey = 1024;

/** Where a node stands: what its lists are indented by, and whether it may break lines, depends on that. */
type Place = "root" | "item" | "value" | "complex" | "key";

/** libyaml's emitter for block style: `column`, `blank` and `atIndent` are its column, whitespace and indention. */
class Emitter {
  readonly #style: Style;
  #out = "";
  #column = 0;
  #blank = true;
  #atIndent = true;
  #depth = 0;

  constructor(style: Style) {
    this.#style = style;
  }

  text(): string {
    return this.#column === 0 ? this.#out : `${this.#out}\n`;
  }

  /** @param indent of the collection the node is in; -2 for the root */
  node(value: WritableValue, indent: number, place: Place): void {
    if (typeof value === "string") this.#string(value, indent, place);
    else if (typeof value === "number") this.#word(this.#style.number(value));
    else if (typeof value === "bigint" || typeof value === "boolean") this.#word(String(value));
    else if (value === null || value === undefined) this.#word("null");
    else this.#collection(value, indent, place);
  }

  #collection(value: WritableValue & object, indent: number, place: Place): void {
    if (++this.#depth > defaultLimits.depth) {
      throw new YamlError("write YAML", `it is nested deeper than ${defaultLimits.depth}`);
    }
    const plain = toPlain(value);
    if (plain instanceof Map) this.#map(plain, indent + 2);
    else if (Array.isArray(plain)) this.#list(plain, indent, place);
    else if (plain instanceof Uint8Array) this.#string(Buffer.from(plain).toString("base64"), indent, place);
    else this.node(plain, indent, place);
    this.#depth--;
  }

  #map(map: ReadonlyMap<string, WritableValue>, indent: number): void {
    if (map.size === 0) this.#word("{}");
    const keys = [...map.keys()];
    for (const key of keys.length > 1 ? keys.sort(this.#style.order) : keys) {
      this.#checkKey(key);
      this.#startLine(indent);
      if (isSimpleKey(key)) {
        this.#string(key, indent, "key");
        this.#put(":", false);
        this.node(map.get(key), indent, "value");
      } else {
        this.#dash("?");
        this.#string(key, indent, "complex");
        this.#startLine(indent);
        this.#dash(":");
        this.node(map.get(key), indent, "complex");
      }
    }
  }

  /** go-yaml v2 reads the JSON first: no key of it may hold a line break, or be longer than 1,024 characters. */
  #checkKey(key: string): void {
    if (this.#style !== v2 || (key.length < longestKey / 6 && !key.includes("\x85"))) return;
    if (key.includes("\x85") || [...writeJson(key)].length > longestKey) {
      throw new YamlError("write YAML", "yaml: a key has a line break, or is too long");
    }
  }

  #list(list: readonly WritableValue[], indent: number, place: Place): void {
    if (list.length === 0) this.#word("[]");
    const own = place === "value" && !this.#style.indentLists ? indent : indent + 2;
    for (const item of list) {
      this.#startLine(own);
      this.#dash("-");
      this.node(item, own, "item");
    }
  }

  #startLine(indent: number): void {
    if (!this.#atIndent || this.#column > indent || (this.#column === indent && !this.#blank)) this.#break();
    if (this.#column < indent) {
      this.#out += " ".repeat(indent - this.#column);
      this.#column = indent;
    }
    this.#blank = true;
    this.#atIndent = true;
  }

  #break(): void {
    this.#out += "\n";
    this.#column = 0;
  }

  /** Writes text without line breaks. */
  #put(text: string, atIndent: boolean): void {
    this.#out += text;
    this.#column += text.length;
    this.#blank = false;
    this.#atIndent = atIndent && this.#atIndent;
  }

  #separate(): void {
    if (!this.#blank) this.#put(" ", true);
  }

  /** Writes an indicator that what follows may stand beside as if it were indentation. */
  #dash(sign: string): void {
    this.#separate();
    this.#put(sign, true);
  }

  #word(text: string): void {
    this.#separate();
    this.#put(text, false);
  }

  #string(text: string, indent: number, place: Place): void {
    if (simple.test(text) && this.#column + text.length <= this.#style.width) {
      this.#word(needsQuotes(text) ? `"${text}"` : text);
      return;
    }
    const value = this.#style === v2 ? throughJson(text) : text;
    const style = scalarStyle(value, place === "key", this.#style.tabsInBlocks);
    // lines that continue a scalar are indented by two, also at the root
    const inner = Math.max(indent, 0) + 2;
    this.#separate();
    if (style === "literal") this.#literal(value, inner);
    else if (style === "double") this.#double(value, inner, place !== "key");
    else this.#flowing(value, inner, style === "single", place !== "key");
  }

  #literal(value: string, indent: number): void {
    const first = value[0]!;
    const last = value.at(-1)!;
    let header = "|";
    if (first === " " || isBreak(first)) header += "2";
    if (!isBreak(last)) header += "-";
    else if (value.length === 1 || isBreak(value.at(-2)!)) header += "+";
    this.#out += header;
    this.#break();
    this.#blank = true;
    this.#lines(value, indent);
  }

  /** Writes the lines of a literal block: those that hold something are indented. */
  #lines(value: string, indent: number): void {
    this.#atIndent = true;
    const pad = " ".repeat(indent);
    for (const line of value.split(/(?<=[\n\r\x85\u2028\u2029])/)) {
      const ends = isBreak(line.at(-1)!);
      this.#out += ends && line.length === 1 ? line : pad + line;
      this.#column = ends ? 0 : indent + line.length;
      this.#atIndent = ends;
    }
  }

  /** Writes a plain or single quoted scalar, folded at single spaces behind the width. */
  #flowing(value: string, indent: number, quoted: boolean, mayFold: boolean): void {
    if (quoted) this.#put("'", false);
    const text = quoted ? value.replaceAll("'", "''") : value;
    if ((!mayFold || this.#column + text.length <= this.#style.width) && !lineBreak.test(text)) this.#put(text, false);
    else this.#fold(text, indent, quoted, mayFold);
    if (quoted) this.#put("'", false);
    this.#blank = false;
    this.#atIndent = false;
  }

  #fold(text: string, indent: number, quoted: boolean, mayFold: boolean): void {
    let spaces = false;
    let breaks = false;
    const chars = [...text];
    for (const [i, char] of chars.entries()) {
      if (char === " ") {
        const inside = !quoted || (i > 0 && i < chars.length - 1);
        if (mayFold && !spaces && this.#column > this.#style.width && inside && chars[i + 1] !== " ")
          this.#startLine(indent);
        else this.#char(char);
        spaces = true;
      } else if (isBreak(char)) {
        this.#out += char;
        this.#column = 0;
        this.#atIndent = true;
        breaks = true;
      } else {
        if (breaks) this.#startLine(indent);
        this.#char(char);
        this.#atIndent = false;
        spaces = false;
        breaks = false;
      }
    }
  }

  #char(char: string): void {
    this.#out += char;
    this.#column++;
  }

  #double(value: string, indent: number, mayFold: boolean): void {
    this.#put('"', false);
    let spaces = false;
    const chars = [...value];
    // libyaml looks for the byte order mark at the beginning of the text whichever character it is at
    const escapeAll = value.startsWith("\ufeff");
    for (const [i, char] of chars.entries()) {
      if (char === " " && !escapeAll) {
        if (mayFold && !spaces && this.#column > this.#style.width && i > 0 && i < chars.length - 1) {
          this.#startLine(indent);
          if (chars[i + 1] === " ") this.#char("\\");
        } else this.#char(char);
        spaces = true;
      } else {
        const escaped = escapeAll || mustEscape(char);
        const text = escaped ? escapeOf(char) : char;
        this.#out += text;
        this.#column += text.length;
        this.#atIndent = false;
        spaces = false;
      }
    }
    this.#put('"', false);
  }
}
