import type { Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { type Setting, type SettingPath, settingOf } from "./setting.ts";

/** Of a refusal. What charts write themselves is much shorter. */
const MAX_TEXT = 16 * 1024;
/** A text that names more says nothing. */
const MAX_DEMANDS = 12;

/** `server.url`, `.Values.name`, `server.config.dex\.config`. */
const NAMED_PATHS = /[\w-]+(?:\\?\.[\w-]+)+/g;
const WORDS = /[\w-]+/g;

/**
 * What a chart asks for when it refuses to render: `fail`, `required` and validations of values say in words which values
 * they miss. Each value that is empty and named there by its path, from the top or from a subchart, is given something;
 * each switch whose name is there at least in words (`you need to create rbac`) is switched on. It is no more than a guess:
 * the words are those of the chart's author.
 *
 * @param values all that can be set, as they are by default
 */
export function demandsOf(refusal: string, values: Table): readonly Setting[] {
  const text = refusal.slice(0, MAX_TEXT);
  const paths = new Set(
    Array.from(text.matchAll(NAMED_PATHS), ([path]) => path.replaceAll("\\", "").replace(/^Values\./, "")),
  );
  const words = new Set(text.match(WORDS));
  const isAskedFor = (path: SettingPath, value: Value): boolean =>
    path.some((_, from) => paths.has(path.slice(from).join("."))) ||
    (value === false && path.length > 1 && path.slice(-2).every((step) => words.has(step)));
  const found: Setting[] = [];
  for (const [path, value] of emptyIn(values, [])) {
    if (isAskedFor(path, value)) found.push(settingOf(path, filled(value)));
    if (found.length > MAX_DEMANDS) return [];
  }
  return found;
}

function* emptyIn(table: Table, path: SettingPath): Generator<readonly [SettingPath, Value]> {
  for (const [key, value] of table) {
    const here = [...path, key];
    if (isTable(value)) yield* emptyIn(value, here);
    else if (value === false || value === null || value === "" || (Array.isArray(value) && value.length === 0))
      yield [here, value];
  }
}

function filled(value: Value): Value {
  if (value === false) return true;
  return Array.isArray(value) ? ["x"] : "x";
}
