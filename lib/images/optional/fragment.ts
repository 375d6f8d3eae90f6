import { StowageError } from "../../errors.ts";
import type { YamlValue } from "../../yaml/index.ts";
import { findImages, type ManifestSource } from "../find.ts";
import type { Finding } from "../finding.ts";
import { parseDocuments } from "../manifest-objects.ts";
import { isFields } from "../place.ts";

/** Part of a template's output. */
export interface Fragment {
  readonly text: string;
  /** What stands before it on its first line. */
  readonly before: string;
}

/** Fragments that name no image need not be read. */
export const WORTH_READING = /image|[a-z0-9]\/[\w.-]+[:@][\w]/i;
const MAX_FRAGMENT = 256 * 1024;
const NO_VALUE = "<no value>";

/**
 * The images in a part of a manifest: by the same rules, as far as the part can be read as YAML, else line by line.
 * What is unreadable there is left out, since values that are not there leave much of that.
 */
export function findInFragment({ text, before }: Fragment, source: ManifestSource): readonly Finding[] {
  if (text.length > MAX_FRAGMENT) return [];
  const whole = dedented((before + text).replaceAll(NO_VALUE, ""));
  const documents = read(whole) ?? whole.split("\n").flatMap((line) => readLine(line));
  const { images } = findImages([{ ...source, documents: documents.map(completed) }]);
  return images.filter(({ status }) => status === "required").map(withoutObject);
}

/** The part of a line is all there is: what follows it may belong to the same word. */
export const isPartOfLine = ({ text, before }: Fragment): boolean => before.trim() !== "" && !text.includes("\n");

function dedented(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  // the first line lacks its indentation where a marker took it away
  const indents = lines.map((line) => line.length - line.trimStart().length);
  const least = Math.min(...indents.slice(indents[0] === 0 && indents.length > 1 ? 1 : 0));
  return lines.map((line, i) => line.slice(Math.min(least, indents[i]!))).join("\n");
}

function read(text: string): readonly YamlValue[] | undefined {
  try {
    const values = parseDocuments(text).filter((value) => value !== null);
    return values.every((value) => typeof value === "object") ? values : undefined;
  } catch (error) {
    if (error instanceof StowageError) return undefined;
    throw error;
  }
}

const readLine = (line: string): readonly YamlValue[] => (WORTH_READING.test(line) ? (read(line.trim()) ?? []) : []);

/** The list a fragment begins in the middle of: of arguments, of variables, of containers. */
function completed(value: YamlValue): YamlValue {
  if (!Array.isArray(value)) return value;
  if (value.every((item) => typeof item === "string")) return new Map([["args", value]]);
  const isVariable = (item: unknown): boolean => isFields(item) && item.has("name") && item.has("value");
  return new Map([[value.some(isVariable) ? "env" : "items", value]]);
}

/** A part of an object does not tell which one it is. */
const withoutObject = (finding: Finding): Finding => ({
  ...finding,
  reasons: finding.reasons.map((reason) => ({ ...reason, object: reason.object.includes("?") ? "" : reason.object })),
});
