import { compareUtf8 } from "../../yaml/index.ts";
import { formatValue } from "../format.ts";
import {
  type CallContext,
  FunctionError,
  type TemplateFunction,
  templateFunction,
  variadicFunction,
} from "../function-table.ts";
import { quote } from "../quoting.ts";
import { kindName, TypedMap, TypedSlice, type Value } from "../value.ts";
import { initials, joinedWords, pascalCase, swapCase, title, untitle, withoutSpaces } from "./case.ts";
import { byteLength, byteSlice, changeCase, isSpace, lower, toText, upper } from "./conversion.ts";
import { elementsOf } from "./lists.ts";
import { spendText } from "./spending.ts";

export const stringSlice = (items: Iterable<string>): TypedSlice => new TypedSlice("[]string", items);

/** strings.TrimSpace. */
function trimSpace(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text[start]!)) start++;
  while (end > start && isSpace(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** Cuts off characters of a set at both ends. (strings.Trim) */
function trimSet(text: string, set: string): string {
  const cut = new Set(set);
  const chars = [...text];
  let [start, end] = [0, chars.length];
  while (start < end && cut.has(chars[start]!)) start++;
  while (end > start && cut.has(chars[end - 1]!)) end--;
  return chars.slice(start, end).join("");
}

/** A slice by bytes as Go makes it. @throws FunctionError when it is out of range */
function checkedSlice(text: string, start: number, end: number): string {
  const length = byteLength(text);
  if (end < 0 || end > length) throw outOfRange(`:${end}]${end < 0 ? "" : ` with length ${length}`}`);
  if (start > end) throw outOfRange(`${start}:${end}]`);
  return byteSlice(text, start, end);
}
const outOfRange = (range: string): FunctionError =>
  new FunctionError(`runtime error: slice bounds out of range [${range}`);

function substring(start: number, end: number, text: string): string {
  if (start < 0) return checkedSlice(text, 0, end);
  const length = byteLength(text);
  return checkedSlice(text, start, end < 0 || end > length ? length : end);
}

function truncate(count: number, text: string): string {
  const length = byteLength(text);
  if (count < 0) return length + count > 0 ? byteSlice(text, length + count, length) : text;
  return length > count ? byteSlice(text, 0, count) : text;
}

/** goutils.AbbreviateFull. @returns "" when the width is too small for the offset, as sprig does */
function abbreviate(text: string, offset: number, width: number): string {
  const length = byteLength(text);
  if (length <= width) return text;
  const room = width - 3;
  const from = Math.min(offset, length - Math.min(room, length));
  if (from <= 4) return `${byteSlice(text, 0, room)}...`;
  if (width < 7) return "";
  if (from + room < length) return `...${abbreviate(byteSlice(text, from, length), 0, room)}`;
  return `...${byteSlice(text, length - room, length)}`;
}

/** Breaks lines at spaces; words longer than a line are broken, or left whole. (goutils.WrapCustom) */
function wrap(text: string, width: number, lineBreak: string, breakWords: boolean): string {
  const bytes = Buffer.from(text);
  const limit = Math.max(width, 1);
  const parts: Buffer[] = [];
  const separator = Buffer.from(lineBreak === "" ? "\n" : lineBreak);
  let offset = 0;
  while (bytes.length - offset > limit) {
    if (bytes[offset] === 32) {
      offset++;
      continue;
    }
    let end = bytes.subarray(offset, offset + limit + 1).lastIndexOf(32) + offset;
    if (end < offset) end = breakWords ? -1 : bytes.indexOf(32, offset + limit);
    if (end < 0 && !breakWords) break;
    const cut = end < 0 ? offset + limit : end;
    parts.push(bytes.subarray(offset, cut), separator);
    offset = end < 0 ? cut : cut + 1;
  }
  return Buffer.concat([...parts, bytes.subarray(offset)]).toString("utf8");
}

function repeat(context: CallContext, count: bigint, text: string): string {
  if (count < 0n) throw new FunctionError("strings: negative Repeat count");
  spendText(context, Number(count) * text.length);
  return text.repeat(Number(count));
}

function indent(context: CallContext, spaces: bigint, text: string): string {
  const pad = repeat(context, spaces, " ");
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  if (lines === 1) return pad + text;
  spendText(context, text.length + lines * pad.length);
  return pad + text.replaceAll("\n", `\n${pad}`);
}

/** Replaces every occurrence; an empty one is before each character, and at the end. (strings.ReplaceAll) */
export function replaceAll(context: CallContext, text: string, from: string, to: string): string {
  const parts = from === "" ? ["", ...text, ""] : text.split(from);
  spendText(context, text.length + parts.length * to.length);
  return parts.length === 1 ? text : parts.join(to);
}

/** strings.Split, which takes a text apart into characters when there is no separator. */
const splitText = (text: string, separator: string): string[] => (separator === "" ? [...text] : text.split(separator));

/** strings.SplitN: at most so many parts, the last with all that is left; all for less than zero. */
function splitAtMost(text: string, separator: string, count: number): string[] {
  const parts = count === 0 ? [] : splitText(text, separator);
  if (count <= 0 || parts.length <= count) return parts;
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

/** Parts by `_0`, `_1`, … */
const numbered = (parts: readonly string[]): TypedMap =>
  new TypedMap(
    "map[string]string",
    parts.map((part, i) => [`_${i}`, part] as const),
  );

/** The elements of a list as texts, without nil; of anything else its own. (sprig's strslice) */
function toTexts(value: Value): string[] {
  if (value === null || value === undefined) return [];
  if (kindName(value) !== "slice") return [toText(value)];
  return elementsOf(value, "").flatMap((item) => (item === null || item === undefined ? [] : [toText(item)]));
}

const notNil = (values: readonly Value[]): Value[] => values.filter((value) => value !== null);

const textFunction = (change: (text: string) => string): TemplateFunction =>
  templateFunction(["string"], (context, text) => {
    spendText(context, text.length);
    return change(text);
  });

const trimAll = templateFunction(["string", "string"], (_, set, text) => trimSet(text, set));

export const stringFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["trim", textFunction(trimSpace)],
  ["trimAll", trimAll],
  ["trimall", trimAll],
  [
    "trimSuffix",
    templateFunction(["string", "string"], (_, suffix, text) =>
      text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text,
    ),
  ],
  [
    "trimPrefix",
    templateFunction(["string", "string"], (_, prefix, text) =>
      text.startsWith(prefix) ? text.slice(prefix.length) : text,
    ),
  ],
  ["upper", textFunction((text) => changeCase(text, upper))],
  ["lower", textFunction((text) => changeCase(text, lower))],
  ["title", textFunction(title)],
  ["untitle", textFunction(untitle)],
  ["swapcase", textFunction(swapCase)],
  ["initials", textFunction(initials)],
  ["nospace", textFunction(withoutSpaces)],
  ["camelcase", textFunction(pascalCase)],
  ["snakecase", textFunction((text) => joinedWords(text, "_"))],
  ["kebabcase", textFunction((text) => joinedWords(text, "-"))],
  ["trunc", templateFunction(["int", "string"], (_, count, text) => truncate(Number(count), text))],
  [
    "substr",
    templateFunction(["int", "int", "string"], (_, start, end, text) => substring(Number(start), Number(end), text)),
  ],
  [
    "abbrev",
    templateFunction(["int", "string"], (_, width, text) => (width < 4n ? text : abbreviate(text, 0, Number(width)))),
  ],
  [
    "abbrevboth",
    templateFunction(["int", "int", "string"], (_, left, right, text) =>
      right < 4n || (left > 0n && right < 7n) ? text : abbreviate(text, Number(left), Number(right)),
    ),
  ],
  ["contains", templateFunction(["string", "string"], (_, part, text) => text.includes(part))],
  ["hasPrefix", templateFunction(["string", "string"], (_, prefix, text) => text.startsWith(prefix))],
  ["hasSuffix", templateFunction(["string", "string"], (_, suffix, text) => text.endsWith(suffix))],
  [
    "quote",
    variadicFunction([], "any", (_, ...values) =>
      notNil(values)
        .map((value) => quote(toText(value)))
        .join(" "),
    ),
  ],
  [
    "squote",
    variadicFunction([], "any", (_, ...values) =>
      notNil(values)
        .map((value) => `'${formatValue(value)}'`)
        .join(" "),
    ),
  ],
  ["cat", variadicFunction([], "any", (_, ...values) => notNil(values).map(formatValue).join(" "))],
  ["indent", templateFunction(["int", "string"], indent)],
  ["nindent", templateFunction(["int", "string"], (context, spaces, text) => `\n${indent(context, spaces, text)}`)],
  [
    "replace",
    templateFunction(["string", "string", "string"], (context, from, to, text) => replaceAll(context, text, from, to)),
  ],
  ["plural", templateFunction(["string", "string", "int"], (_, one, many, count) => (count === 1n ? one : many))],
  ["repeat", templateFunction(["int", "string"], repeat)],
  ["wrap", templateFunction(["int", "string"], (_, width, text) => wrap(text, Number(width), "", false))],
  [
    "wrapWith",
    templateFunction(["int", "string", "string"], (context, width, lineBreak, text) => {
      spendText(context, text.length * (1 + lineBreak.length));
      return wrap(text, Number(width), lineBreak, true);
    }),
  ],
  ["toString", templateFunction(["any"], (_, value) => toText(value))],
  ["toStrings", templateFunction(["any"], (_, value) => stringSlice(toTexts(value)))],
  [
    "join",
    templateFunction(["string", "any"], (context, separator, value) => {
      const texts = toTexts(value);
      spendText(
        context,
        texts.reduce((sum, text) => sum + text.length + separator.length, 0),
      );
      return texts.join(separator);
    }),
  ],
  [
    "sortAlpha",
    templateFunction(["any"], (context, value) => {
      const texts = kindName(value) === "slice" ? toTexts(value) : [toText(value)];
      context.spend(texts.length);
      return stringSlice(texts.sort(compareUtf8));
    }),
  ],
  ["split", templateFunction(["string", "string"], (_, separator, text) => numbered(splitText(text, separator)))],
  [
    "splitn",
    templateFunction(["string", "int", "string"], (_, separator, count, text) =>
      numbered(splitAtMost(text, separator, Number(count))),
    ),
  ],
  [
    "splitList",
    templateFunction(["string", "string"], (context, separator, text) => {
      const parts = splitText(text, separator);
      context.spend(parts.length);
      return stringSlice(parts);
    }),
  ],
];
