import { needsQuotes } from "./scalar.ts";
import { YamlError } from "./value.ts";

export type ScalarStyle = "plain" | "single" | "double" | "literal";

/** What the JSON on the way to go-yaml v2 holds unescaped and its reader refuses. */
const refusedByReader = /[\x7f-\x84\x86-\x9f\ufffe\uffff]/;
/** And what it takes for line breaks, and folds. */
const nextLines = / *\x85(?: *\x85)* */g;
/** Neither a line break nor printable for go-yaml's emitter; characters beyond the basic plane are not, either. */
const special = /[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/;
const specialButTabs = /[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/;
export const lineBreak = /[\n\r\x85\u2028\u2029]/;
const spaceBeforeBreak = / [\n\r\x85\u2028\u2029]/;
const spaceAfterBreak = /[\n\r\x85\u2028\u2029] /;
export const isBreak = (char: string): boolean => lineBreak.test(char);
/** Would mean something at its place in a plain scalar. */
const indicator = /^(?:---|\.\.\.)|^[#,[\]{}&*!|>'"%@`]|^[?:-](?:[ \t]|$)|:(?:[ \t]|$)|[ \t\r\n\0\x85\u2028\u2029]#/;

/**
 * The style in which go-yaml writes a text: lines as a block, what would read as another type in double quotes, what has
 * signs of YAML in single quotes, each where the characters allow it.
 */
export function scalarStyle(value: string, isKey: boolean, tabsInBlocks: boolean): ScalarStyle {
  const unprintable = special.test(value);
  const broken = lineBreak.test(value);
  const mixed = broken && spaceBeforeBreak.test(value);
  if (value.includes("\n")) {
    const inBlocks = tabsInBlocks ? !specialButTabs.test(value) : !unprintable;
    return inBlocks && !mixed && !value.endsWith(" ") && !isKey ? "literal" : "double";
  }
  if (needsQuotes(value) || unprintable || mixed || (broken && spaceAfterBreak.test(value))) return "double";
  const plain = !value.startsWith(" ") && !value.endsWith(" ") && !broken && !indicator.test(value);
  return plain ? "plain" : "single";
}

/**
 * What is left of a text when go-yaml v2 has read it from JSON.
 *
 * @throws YamlError when it does not read it
 */
export function throughJson(text: string): string {
  if (refusedByReader.test(text)) throw new YamlError("write YAML", "yaml: control characters are not allowed");
  return text.includes("\x85") ? text.replace(nextLines, foldedNextLines) : text;
}

const foldedNextLines = (run: string): string => {
  const breaks = run.replaceAll(" ", "").length;
  return breaks === 1 ? " " : "\n".repeat(breaks - 1);
};

/** Keys up to 128 bytes on one line stand before a colon; others behind a question mark. */
export const isSimpleKey = (key: string): boolean =>
  !lineBreak.test(key) && (key.length <= 42 || Buffer.byteLength(key) <= 128);

/** Whether a character stands in double quotes only as an escape. */
export const mustEscape = (char: string): boolean =>
  special.test(char) || isBreak(char) || char === '"' || char === "\\";

const escapes: ReadonlyMap<string, string> = new Map([
  ["\0", "\\0"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
  ["\x1b", "\\e"],
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\x85", "\\N"],
  ["\xa0", "\\_"],
  ["\u2028", "\\L"],
  ["\u2029", "\\P"],
]);

/** The escape of a character in double quotes, as short as there is one. */
export function escapeOf(char: string): string {
  const short = escapes.get(char);
  if (short !== undefined) return short;
  const hex = char.codePointAt(0)!.toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
