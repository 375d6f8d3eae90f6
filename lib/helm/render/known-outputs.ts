import { writeJson } from "../../yaml/index.ts";
import type { Table } from "./coalesce.ts";
import { type ChartTemplate, ValuesMap } from "./template-data.ts";

/** Characters of output kept for one chart. */
const MAX_KEPT = 64 * 1024 * 1024;

/**
 * What templates of subcharts put out in earlier renders of one chart. With the same values a template puts out the same, as
 * long as no template changes values: a chart where one does is left alone from then on. Templates of the outermost chart
 * see all values, so they are never the same.
 */
export class KnownOutputs {
  readonly #outputs = new Map<string, string>();
  #left = MAX_KEPT;
  #usable = true;

  /**
   * @param circumstances everything besides values that templates see
   * @returns undefined where nothing can be known
   */
  begin(templates: readonly ChartTemplate[], values: Table, circumstances: string): KnownOfRender | undefined {
    const root = templates.at(-1)?.data;
    const subcharts = new Set(templates.map(({ data }) => data).filter((data) => data !== root));
    if (!this.#usable || subcharts.size === 0) return undefined;
    const scopes = new Map([...subcharts].map((data) => [data, `${circumstances}\0${scopeOf(data)}`]));
    const before = writeJson(values);
    const made = new Map<string, string>();
    let used = false;
    const keyOf = ({ name, data }: ChartTemplate): string | undefined => {
      const scope = scopes.get(data);
      return scope === undefined ? undefined : `${name}\0${scope}`;
    };
    return {
      get: (template) => {
        const key = keyOf(template);
        const known = key === undefined ? undefined : this.#outputs.get(key);
        if (known !== undefined) used = true;
        return known;
      },
      set: (template, output) => {
        const key = keyOf(template);
        if (key !== undefined) made.set(key, output);
      },
      end: () => {
        if (writeJson(values) === before) {
          for (const [key, output] of made) this.#keep(key, output);
          return true;
        }
        this.#usable = false;
        this.#outputs.clear();
        return !used;
      },
    };
  }

  #keep(key: string, output: string): void {
    this.#left -= output.length + key.length;
    if (this.#left > 0) this.#outputs.set(key, output);
  }
}

export interface KnownOfRender {
  get(template: ChartTemplate): string | undefined;
  set(template: ChartTemplate, output: string): void;
  /** Keeps what was set. @returns whether what was got was right: else the render has to be done once more, without */
  end(): boolean;
}

function scopeOf(data: Table): string {
  const values = data.get("Values");
  return writeJson(values instanceof ValuesMap ? values.table : null);
}
