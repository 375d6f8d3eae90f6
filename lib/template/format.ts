import { isLetter } from "./characters.ts";
import { FunctionError } from "./function-table.ts";
import { type PrintSpec, pad, plainSpec, specOf } from "./print-spec.ts";
import {
  decimalsOfBytes,
  formatBoolean,
  formatFloatVerb,
  formatInteger,
  formatText,
  hexOfBytes,
} from "./scalar-format.ts";
import { integerOf, SizedInteger, Struct, sortedKeys, typeName, type Value } from "./value.ts";

type Spec = Readonly<PrintSpec>;

/** An address, which Go prints for pointers within values. There are none here, so it is always the same. */
const address = "0xc000000000";

/** Far more than any chart prints: a value that holds itself, or the same part again and again. */
const maxElements = 1_000_000;
const maxDepth = 1_000;

/** A value as `%v` prints it: what an action puts out, and `print` of one value. */
export function formatValue(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || typeof value === "boolean" || isShortInteger(value)) return String(value);
  return formatArgument(value, "v", plainSpec);
}

/** A float that prints as JavaScript prints it: from a million on Go writes `1e+06`. */
const isShortInteger = (value: Value): boolean =>
  Number.isInteger(value) && Math.abs(value as number) < 1_000_000 && !Object.is(value, -0);

/** Values one after another, with spaces between two that are no strings. (fmt.Sprint) */
export function sprint(values: readonly Value[]): string {
  let text = "";
  values.forEach((value, i) => {
    if (i > 0 && typeof value !== "string" && typeof values[i - 1] !== "string") text += " ";
    text += formatValue(value);
  });
  return text;
}

/** Values with a space between any two, and a line feed at the end. (fmt.Sprintln) */
export const sprintln = (values: readonly Value[]): string => `${values.map(formatValue).join(" ")}\n`;

/** A value that stands alone under a verb. */
function formatArgument(value: Value, verb: string, spec: Spec): string {
  if (spec === plainSpec && (verb === "s" || verb === "v") && typeof value === "string") return value;
  if (value === undefined || value === null) {
    return verb === "T" || verb === "v" ? pad("<nil>", spec) : `%!${verb}(<nil>)`;
  }
  if (verb === "T") return formatText(typeName(value), "s", spec)!;
  const printer = new ValuePrinter(verb, spec);
  if (verb === "p") return typeof value === "object" ? address : printer.bad(value);
  return printer.print(value, 0);
}

/** Prints one value under one verb, with all that lies within it. */
class ValuePrinter {
  readonly #verb: string;
  readonly #spec: Spec;
  #elements = 0;

  constructor(verb: string, spec: Spec) {
    this.#verb = verb;
    this.#spec = spec;
  }

  print(value: Value, depth: number): string {
    if (depth > maxDepth || ++this.#elements > maxElements) throw new FunctionError("value is too large to be printed");
    const [verb, spec] = [this.#verb, this.#spec];
    switch (typeof value) {
      case "string":
        return formatText(value, verb, spec) ?? this.bad(value);
      case "boolean":
        return formatBoolean(value, verb, spec) ?? this.bad(value);
      case "bigint":
        return formatInteger(value, verb, spec) ?? this.bad(value);
      case "number":
        return formatFloatVerb(value, verb, spec) ?? this.bad(value);
      case "undefined":
        return "<nil>";
    }
    if (value === null) return spec.sharpV ? "interface {}(nil)" : "<nil>";
    if (value instanceof SizedInteger) return formatInteger(value.value, verb, spec) ?? this.bad(value);
    if (value instanceof Uint8Array && (verb !== "w" || depth === 0)) return this.#bytes(value, depth);
    if (verb === "w") return this.bad(value);
    if (value instanceof Struct) return this.#struct(value, depth);
    const items =
      value instanceof Map
        ? sortedKeys(value).map((key) => `${this.print(key, depth + 1)}:${this.print(value.get(key), depth + 1)}`)
        : Array.from(value, (item) => this.print(item, depth + 1));
    if (spec.sharpV) return `${typeName(value)}{${joined(items, ", ")}}`;
    return `${value instanceof Map ? "map" : ""}[${joined(items, " ")}]`;
  }

  /** A value the verb is not made for. */
  bad(value: Value, type = typeName(value)): string {
    return `%!${this.#verb}(${type}=${new ValuePrinter("v", this.#spec).print(value, 0)})`;
  }

  #bytes(bytes: Uint8Array, depth: number): string {
    const [verb, spec] = [this.#verb, this.#spec];
    if (verb === "s" || verb === "q") return formatText(Buffer.from(bytes).toString(), verb, spec)!;
    if (verb === "x" || verb === "X") return hexOfBytes(bytes, verb, spec);
    if (spec.sharpV) {
      const items = Array.from(bytes, (byte) => `0x${byte.toString(16)}`);
      return `${depth === 0 ? "[]byte" : "[]uint8"}{${items.join(", ")}}`;
    }
    const write = (byte: bigint): string => formatInteger(byte, verb, spec) ?? this.bad(byte, "uint8");
    if (write(0n) === "0" && write(10n) === "10") return `[${decimalsOfBytes(bytes)}]`;
    const items = Array.from(bytes, (byte) => write(BigInt(byte)));
    return `[${items.join(" ")}]`;
  }

  #struct(value: Struct, depth: number): string {
    const [verb, spec] = [this.#verb, this.#spec];
    // Its method String speaks where the verb asks for text.
    if (value.text !== undefined && !spec.sharpV && "vsxXq".includes(verb)) return formatText(value.text, verb, spec)!;
    const isPointer = value.type.startsWith("*");
    if (isPointer && depth > 0) return spec.sharpV ? `(${value.type})(${address})` : address;
    const fields = Array.from(value.fields, ([name, field]) => {
      const text = this.print(field, depth + 1);
      return spec.plusV || spec.sharpV ? `${name}:${text}` : text;
    });
    const type = spec.sharpV ? value.type.replace("*", "") : "";
    return `${isPointer ? "&" : ""}${type}{${fields.join(spec.sharpV ? ", " : " ")}}`;
  }
}

/** Texts with others between. `join` would copy long ones on each level of a value. */
const joined = (texts: readonly string[], between: string): string =>
  texts.reduce((all, text, i) => (i === 0 ? text : all + between + text), "");

/** Widths and precisions beyond this are taken for mistakes, as Go does. */
const maxNumber = 1_000_000;

/** Formats values as fmt.Sprintf does, with its words for what does not fit: `%!d(string=a)`, `%!s(MISSING)`. */
export const sprintf = (format: string, values: readonly Value[]): string => new Formatting(format, values).run();

class Formatting {
  readonly #format: string;
  readonly #values: readonly Value[];
  #at = 0;
  #argument = 0;
  #reordered = false;
  #goodIndex = true;
  #afterIndex = false;
  #output = "";

  constructor(format: string, values: readonly Value[]) {
    this.#format = format;
    this.#values = values;
  }

  run(): string {
    const format = this.#format;
    while (this.#at < format.length) {
      const percent = format.indexOf("%", this.#at);
      const end = percent < 0 ? format.length : percent;
      this.#output += format.slice(this.#at, end);
      this.#at = end + 1;
      if (percent >= 0 && !this.#verb()) break;
    }
    if (!this.#reordered && this.#argument < this.#values.length) this.#extra();
    return this.#output;
  }

  /** One verb after its `%`. @returns false when the format ended before it */
  #verb(): boolean {
    this.#goodIndex = true;
    const spec = isLetter(this.#format.charCodeAt(this.#at)) ? plainSpec : this.#spec();
    if (this.#at >= this.#format.length) {
      this.#output += "%!(NOVERB)";
      return false;
    }
    const verb = String.fromCodePoint(this.#format.codePointAt(this.#at)!);
    this.#at += verb.length;
    if (verb === "%") this.#output += "%";
    else if (!this.#goodIndex) this.#output += `%!${verb}(BADINDEX)`;
    else if (this.#argument >= this.#values.length) this.#output += `%!${verb}(MISSING)`;
    else this.#output += formatArgument(this.#values[this.#argument++], verb, specOf(verb, spec));
    return true;
  }

  /** What stands between a `%` and its verb. */
  #spec(): Spec {
    const spec: PrintSpec = { ...plainSpec };
    this.#flags(spec);
    this.#index();
    this.#width(spec);
    this.#precision(spec);
    if (!this.#afterIndex) this.#index();
    this.#afterIndex = false;
    return spec;
  }

  #flags(spec: PrintSpec): void {
    for (; ; this.#at++) {
      switch (this.#format[this.#at]) {
        case "#":
          spec.sharp = true;
          break;
        case "0":
          spec.zero = true;
          break;
        case "+":
          spec.plus = true;
          break;
        case "-":
          spec.minus = true;
          break;
        case " ":
          spec.space = true;
          break;
        default:
          return;
      }
    }
  }

  /** `[3]`: the next argument to take, counted from 1. */
  #index(): void {
    this.#afterIndex = false;
    if (this.#format[this.#at] !== "[") return;
    this.#reordered = true;
    const close = this.#format.length - this.#at < 3 ? -1 : this.#format.indexOf("]", this.#at);
    const digits = close < 0 ? "" : this.#format.slice(this.#at + 1, close);
    this.#at = close < 0 ? this.#at + 1 : close + 1;
    const index = /^[0-9]{1,7}$/.test(digits) ? Number(digits) - 1 : undefined;
    this.#afterIndex = index !== undefined;
    if (index !== undefined && index >= 0 && index < this.#values.length) this.#argument = index;
    else this.#goodIndex = false;
  }

  #width(spec: PrintSpec): void {
    if (this.#format[this.#at] === "*") {
      this.#at++;
      spec.width = this.#numberFromArgument();
      if (spec.width === undefined) this.#output += "%!(BADWIDTH)";
      else if (spec.width < 0) {
        spec.width = -spec.width;
        spec.minus = true;
        spec.zero = false;
      }
      this.#afterIndex = false;
      return;
    }
    spec.width = this.#number();
    if (this.#afterIndex && spec.width !== undefined) this.#goodIndex = false;
  }

  #precision(spec: PrintSpec): void {
    if (this.#format[this.#at] !== "." || this.#at + 1 >= this.#format.length) return;
    this.#at++;
    if (this.#afterIndex) this.#goodIndex = false;
    this.#index();
    if (this.#format[this.#at] !== "*") {
      spec.precision = this.#number() ?? 0;
      return;
    }
    this.#at++;
    const precision = this.#numberFromArgument();
    if (precision === undefined || precision < 0) this.#output += "%!(BADPREC)";
    else spec.precision = precision;
    this.#afterIndex = false;
  }

  /** Digits of the format; a number too large to be meant takes the rest of the format with it, as in Go. */
  #number(): number | undefined {
    let number: number | undefined;
    for (; this.#at < this.#format.length; this.#at++) {
      const digit = this.#format.charCodeAt(this.#at) - 48;
      if (digit < 0 || digit > 9) break;
      if (number !== undefined && number > maxNumber) {
        this.#at = this.#format.length;
        return undefined;
      }
      number = (number ?? 0) * 10 + digit;
    }
    return number;
  }

  #numberFromArgument(): number | undefined {
    if (this.#argument >= this.#values.length) return undefined;
    const value = integerOf(this.#values[this.#argument++]);
    const fits = value !== undefined && value <= maxNumber && value >= -maxNumber;
    return fits ? Number(value) : undefined;
  }

  #extra(): void {
    const extra = this.#values.slice(this.#argument).map((value) => {
      const isNil = value === undefined || value === null;
      return isNil ? "<nil>" : `${typeName(value)}=${formatValue(value)}`;
    });
    this.#output += `%!(EXTRA ${extra.join(", ")})`;
  }
}
