import { JsonSchema } from "../../json-schema/index.ts";
import type { Chart } from "./chart.ts";
import { textOf } from "./chart-source.ts";
import { isTable, type Table } from "./coalesce.ts";
import type { PlacedChart } from "./dependencies.ts";
import { Refusal, refusing } from "./refusal.ts";

type Spend = (operations: number) => void;

/**
 * Check coalesced values against the values.schema.json of a chart and of every chart below it that takes part, each with
 * its own part of them (helm v4.1.4 pkg/chart/common/util/jsonschema.go).
 *
 * @throws Refusal in helm's words, for values that do not fit and for a schema that is none
 */
export function checkSchemas(root: PlacedChart, values: Table, spend: Spend): void {
  const misfits = misfitsOf(root, values, spend);
  if (misfits.length > 0) {
    const head = "values don't meet the specifications of the schema(s) in the following chart(s):";
    throw new Refusal([head, ...misfits].join("\n"));
  }
}

/** Whether some chart, taking part or not, brings a schema. */
export const hasSchema = ({ schema, subcharts }: Chart): boolean => schema !== undefined || subcharts.some(hasSchema);

function misfitsOf({ chart, name, dependencies }: PlacedChart, values: Table, spend: Spend): readonly string[] {
  const own = chart.schema && misfitOf(chart, values, spend);
  const below = dependencies.flatMap((subchart) => {
    const part = values.get(subchart.name);
    return isTable(part) ? misfitsOf(subchart, part, spend) : [];
  });
  return own === undefined ? below : [`${name}:`, own, ...below];
}

function misfitOf(chart: Chart, values: Table, spend: Spend): string | undefined {
  try {
    return refusing("values.schema.json", () => schemaOf(chart, spend).problemsOf(values, spend));
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

/** A chart may be rendered many times. */
const known = new WeakMap<Chart, JsonSchema>();

function schemaOf(chart: Chart, spend: Spend): JsonSchema {
  const schema = known.get(chart) ?? new JsonSchema(textOf(chart.schema!), spend);
  known.set(chart, schema);
  return schema;
}
