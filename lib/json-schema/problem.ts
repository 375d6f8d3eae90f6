import { quote } from "../template/index.ts";

/** Why a value does not fit a schema, with what lies behind it. */
export interface Problem {
  /** JSON pointer of the value. */
  readonly at: string;
  readonly text: string;
  readonly causes: readonly Problem[];
  /** A `reference` to a schema that has one problem is passed over; a `group` is what several of them make. */
  readonly kind?: "reference" | "group";
}

/** Lines of one report: more say nothing new. */
const MAX_LINES = 100;

/**
 * Problems as helm prints them: one line each, indented below what they cause.
 *
 * (github.com/santhosh-tekuri/jsonschema v6.0.2 output.go)
 */
export function problemText(problem: Problem): string {
  const lines: string[] = [];
  const print = ({ at, text, causes, kind }: Problem, depth: number): void => {
    if (lines.length === MAX_LINES) return;
    const skipped = kind === "reference" && causes.length === 1;
    if (!skipped) lines.push(`${"  ".repeat(depth)}- at ${inQuotes(at)}: ${text}`);
    for (const cause of causes) print(cause, skipped ? depth : depth + 1);
  };
  for (const top of problem.kind === "group" ? problem.causes : [problem]) print(top, 0);
  return lines.join("\n");
}

/** Characters of a value that a report repeats. */
const MAX_QUOTED = 1_000;

/** As Go's %q, in single quotes; the beginning of a very long text. */
export const inQuotes = (text: string): string =>
  `'${quote(text.slice(0, MAX_QUOTED)).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

/** A number as English writes it: `12,345.5`. */
export const inEnglish = (number: number | bigint): string =>
  number.toLocaleString("en-US", { maximumFractionDigits: 20 });
