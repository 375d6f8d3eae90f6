import {
  readJson,
  readYaml,
  type WritableValue,
  writeJson,
  writeYaml,
  writeYamlPretty,
  YamlError,
  type YamlValue,
} from "../../yaml/index.ts";
import { type CallContext, FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { Struct, type Value, type ValueMap } from "../value.ts";
import { spendText } from "./spending.ts";

/** Structs bring what is written for them; everything else is written as it is. */
const writer = (write: (value: WritableValue) => string, onError: (error: YamlError) => string): TemplateFunction =>
  templateFunction(["any"], (context, value) => {
    context.spend(sizeOf(value));
    try {
      const text = write(value as WritableValue);
      spendText(context, text.length);
      return text;
    } catch (error) {
      if (!(error instanceof YamlError)) throw error;
      return onError(error);
    }
  });

/** A first guess of the work: the number of elements at the top; the text made is counted when it is there. */
function sizeOf(value: Value): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  return value instanceof Struct ? value.fields.size : 1;
}

/** Helm swallows errors in templates. */
const swallow = (): string => "";
const raise = (error: YamlError): string => {
  throw new FunctionError(error.reason, { cause: error });
};

const withoutLastBreak = (text: string): string => (text.endsWith("\n") ? text.slice(0, -1) : text);

type Parse = (text: string) => YamlValue;

function parse(context: CallContext, read: Parse, text: string): YamlValue {
  spendText(context, text.length * 4);
  return read(text);
}

/** What Helm says before the reason, for each of its readers: which library failed, and at what. */
interface Reader {
  readonly read: Parse;
  readonly invalid: string;
  readonly mistyped: string;
}
const yaml: Reader = {
  read: (text) => readYaml(text),
  invalid: "error converting YAML to JSON: yaml: ",
  mistyped: "error unmarshaling JSON: while decoding JSON: ",
};
const json: Reader = { read: (text) => readJson(text), invalid: "", mistyped: "" };

/** Helm puts the message of an error where the content would be. */
function readOr<T extends Value>(
  context: CallContext,
  reader: Reader,
  text: string,
  accept: (value: YamlValue) => T | undefined,
  type: string,
  onError: (message: string) => T,
): T {
  let value: YamlValue;
  try {
    value = parse(context, reader.read, text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    return onError(reader.invalid + error.reason);
  }
  return (
    accept(value) ??
    onError(`${reader.mistyped}json: cannot unmarshal ${jsonKind(value)} into Go value of type ${type}`)
  );
}

function jsonKind(value: YamlValue): string {
  if (Array.isArray(value)) return "array";
  if (value instanceof Map) return "object";
  return typeof value === "boolean" ? "bool" : typeof value;
}

const mapReader = (reader: Reader): TemplateFunction =>
  templateFunction(["string"], (context, text) =>
    readOr<ValueMap>(
      context,
      reader,
      text,
      (value) => (value === null ? new Map() : value instanceof Map ? value : undefined),
      "map[string]interface {}",
      (message) => new Map([["Error", message]]),
    ),
  );

const listReader = (reader: Reader): TemplateFunction =>
  templateFunction(["string"], (context, text) =>
    readOr<Value[]>(
      context,
      reader,
      text,
      (value) => (value === null ? [] : Array.isArray(value) ? value : undefined),
      "[]interface {}",
      (message) => [message],
    ),
  );

const mustFromJson = templateFunction(["string"], (context, text) => {
  try {
    return parse(context, json.read, text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new FunctionError(error.reason, { cause: error });
  }
});

const pretty = (value: WritableValue): string => writeJson(value, { indent: "  " });
const raw = (value: WritableValue): string => writeJson(value, { escapeHtml: false });

/** sprig's readers and writers of JSON that Helm leaves as they are. */
export const sprigDataFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["mustFromJson", mustFromJson],
  ["toPrettyJson", writer(pretty, swallow)],
  ["mustToPrettyJson", writer(pretty, raise)],
  ["toRawJson", writer(raw, raise)],
  ["mustToRawJson", writer(raw, raise)],
];

export const helmDataFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["toYaml", writer((value) => withoutLastBreak(writeYaml(value)), swallow)],
  ["mustToYaml", writer((value) => withoutLastBreak(writeYaml(value)), raise)],
  ["toYamlPretty", writer((value) => withoutLastBreak(writeYamlPretty(value)), swallow)],
  ["fromYaml", mapReader(yaml)],
  ["fromYamlArray", listReader(yaml)],
  ["toJson", writer((value) => writeJson(value), swallow)],
  ["mustToJson", writer((value) => writeJson(value), raise)],
  ["fromJson", mapReader(json)],
  ["fromJsonArray", listReader(json)],
];
