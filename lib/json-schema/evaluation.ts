import { LinearRegex } from "../template/functions/index.ts";
import type { Value } from "../template/index.ts";
import { evaluateArray } from "./arrays.ts";
import { evaluateConditions, evaluateReferences } from "./combinations.ts";
import type { Compiled } from "./compiled.ts";
import type { Compiler } from "./compiler.ts";
import { identityOf, isInteger, pointerToken, typeOf } from "./json-value.ts";
import { evaluateObject } from "./objects.ts";
import { inQuotes, type Problem } from "./problem.ts";
import { evaluateNumber, evaluateText } from "./scalars.ts";
import { SchemaError } from "./schema-error.ts";
import { metaschemaProblem } from "./shapes.ts";

/** What is the same for a whole check. */
export interface Check {
  readonly compiler: Compiler;
  readonly spend: (operations: number) => void;
}

/** Schemas within schemas, values within values. */
const MAX_DEPTH = 1_000;

/** Keys or indexes that no keyword has looked at yet; undefined where nobody asks. */
type Unevaluated = Set<string | number> | undefined;

/**
 * One value under one schema: the keywords in the order, and with the short cuts, of helm's validator.
 *
 * (github.com/santhosh-tekuri/jsonschema v6.0.2 validator.go)
 */
export class Evaluation {
  readonly schema: Compiled;
  readonly value: Value;
  readonly check: Check;
  /** The evaluation that asked for this one. */
  readonly #parent: Evaluation | undefined;
  /** The step to the value from the parent's; undefined where both look at the same one. */
  readonly #step: string | number | undefined;
  readonly #depth: number;
  /** Only whether there is a problem is asked. */
  readonly quiet: boolean;
  unevaluated: Unevaluated;
  readonly #problems: Problem[] = [];

  constructor(
    schema: Compiled,
    value: Value,
    check: Check,
    parent?: Evaluation,
    { step, quiet = false, tracked = false }: { step?: string | number; quiet?: boolean; tracked?: boolean } = {},
  ) {
    this.schema = schema;
    this.value = value;
    this.check = check;
    this.#parent = parent;
    this.#step = step;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
    this.quiet = quiet;
    this.unevaluated = unevaluatedOf(value, schema, tracked);
    // a way of a thousand schemas takes time to look back on, and a set of keys to make
    check.spend(1 + (this.#depth >> 4) + ((this.unevaluated?.size ?? 0) >> 4));
  }

  /** @returns undefined when the value fits */
  run(): Problem | undefined {
    if (this.#depth > MAX_DEPTH) throw new SchemaError(`it leads more than ${MAX_DEPTH} schemas deep`);
    const { schema, value } = this;
    if (schema.always !== undefined) return schema.always ? undefined : this.problem("false schema");
    if (schema.metaschema !== undefined) {
      const why = metaschemaProblem(value, schema.metaschema, this.check.spend);
      return why === undefined ? undefined : this.problem(why);
    }
    const atOnce = this.#circle() ?? this.#mismatch();
    if (atOnce !== undefined) return this.problem(atOnce);
    if (schema.reference !== undefined) {
      const problem = this.referred(schema.reference);
      if (schema.draft < 2019) return problem;
      this.add(problem);
    }
    evaluators[typeOf(value)!]?.(this);
    if (this.fitsSoFar || !this.quiet) {
      if (schema.draft >= 2019) evaluateReferences(this);
      evaluateConditions(this);
      this.#evaluateRest();
    }
    const [first, ...others] = this.#problems;
    return others.length === 0 ? first : { ...this.problem("validation failed", this.#problems), kind: "group" };
  }

  get fitsSoFar(): boolean {
    return this.#problems.length === 0;
  }

  /** The same value under another schema; what that looks at counts as looked at. */
  self(schema: Compiled, quiet = false): Problem | undefined {
    const tracked = this.unevaluated !== undefined && this.unevaluated.size > 0;
    const below = new Evaluation(schema, this.value, this.check, this, { quiet: this.quiet || quiet, tracked });
    const problem = below.run();
    if (problem === undefined && tracked) this.unevaluated = below.unevaluated?.intersection(this.unevaluated!);
    return problem;
  }

  /** A value within this one, or one of its keys. */
  within(schema: Compiled, value: Value, step: string | number): Problem | undefined {
    return new Evaluation(schema, value, this.check, this, { step, quiet: this.quiet }).run();
  }

  referred(schema: Compiled): Problem | undefined {
    const problem = this.self(schema);
    if (problem === undefined || this.quiet) return problem;
    const causes = problem.kind === "group" ? problem.causes : [problem];
    return { ...this.problem("validation failed", causes), kind: "reference" };
  }

  add(problem: Problem | undefined): void {
    if (problem !== undefined) this.#problems.push(problem);
  }

  report(text: string, causes: readonly Problem[] = []): void {
    this.#problems.push(this.problem(text, causes));
  }

  problem(text: string, causes: readonly Problem[] = []): Problem {
    return this.quiet ? SOME_PROBLEM : { at: this.#pointer(), text, causes };
  }

  /** From this evaluation outwards. */
  *scopes(): Generator<Evaluation> {
    for (let scope: Evaluation | undefined = this; scope !== undefined; scope = scope.#parent) yield scope;
  }

  #pointer(): string {
    let pointer = "";
    for (const scope of this.scopes()) if (scope.#step !== undefined) pointer = pointerToken(scope.#step) + pointer;
    return pointer;
  }

  /** A schema that asks for itself about the same value would never end. */
  #circle(): string | undefined {
    for (
      let inner: Evaluation = this;
      inner.#step === undefined && inner.#parent !== undefined;
      inner = inner.#parent
    ) {
      if (inner.#parent.schema === this.schema) return "its schema refers to itself in a circle";
    }
    return undefined;
  }

  /** What ends the evaluation at once. */
  #mismatch(): string | undefined {
    const { schema, value } = this;
    const type = typeOf(value);
    if (type === undefined) return "no JSON value";
    const { types, constant, alternatives, format } = schema;
    if (types !== undefined && types.length > 0) {
      const fits = types.includes(type) || (types.includes("integer") && isInteger(value));
      if (!fits) return `got ${type}, want ${TYPES.filter((name) => types.includes(name)).join(" or ")}`;
    }
    if (constant !== undefined || alternatives !== undefined) {
      const identity = this.identity();
      if (constant !== undefined && constant.identity !== identity) {
        return isScalar(constant.value) ? `value must be ${display(constant.value)}` : "'const' failed";
      }
      if (alternatives !== undefined && !alternatives.identities.has(identity)) {
        this.check.spend(alternatives.values.length >> 4);
        return alternativesText(alternatives.values);
      }
    }
    if (format?.name === "regex" && typeof value === "string") this.check.spend(LinearRegex.cost(value));
    const why = format === undefined || typeof value !== "string" ? undefined : format.problem(value);
    return why === undefined ? undefined : `${display(value)} is not valid ${format!.name}: ${why}`;
  }

  /** The value's identity; large values cost more. */
  identity(value: Value = this.value): string {
    const identity = identityOf(value);
    this.check.spend(Math.ceil(identity.length / 64));
    return identity;
  }

  #evaluateRest(): void {
    const { schema, value, unevaluated } = this;
    const rest = value instanceof Map ? schema.unevaluatedProperties : schema.unevaluatedItems;
    if (rest === undefined || unevaluated === undefined) return;
    for (const step of unevaluated) {
      const item = value instanceof Map ? value.get(String(step)) : (value as Value[])[Number(step)];
      this.add(this.within(rest, item, step));
    }
    this.unevaluated = undefined;
  }
}

const SOME_PROBLEM: Problem = { at: "", text: "", causes: [] };

const evaluators: Readonly<Record<string, ((evaluation: Evaluation) => void) | undefined>> = {
  object: evaluateObject,
  array: evaluateArray,
  string: evaluateText,
  number: evaluateNumber,
};

/** @param tracked whether the schema around wants to know what this one looks at */
function unevaluatedOf(value: Value, schema: Compiled, tracked: boolean): Unevaluated {
  if (value instanceof Map) {
    if (schema.additionalProperties !== undefined || !(tracked || schema.unevaluatedProperties)) return undefined;
    return new Set(value.keys());
  }
  if (!Array.isArray(value)) return undefined;
  if (schema.items !== undefined || !(tracked || schema.unevaluatedItems)) return undefined;
  const listed = schema.prefixItems?.length ?? 0;
  return new Set(Array.from({ length: Math.max(0, value.length - listed) }, (_, i) => listed + i));
}

/** In the order in which messages name them. */
const TYPES: readonly string[] = ["null", "boolean", "number", "integer", "string", "array", "object"];

const isScalar = (value: Value): boolean => !Array.isArray(value) && !(value instanceof Map);

const display = (value: Value): string =>
  typeof value === "string" ? inQuotes(value) : value === null ? "<nil>" : String(value);

function alternativesText(values: readonly Value[]): string {
  if (!values.every(isScalar)) return "'enum' failed";
  const texts = values.map(display);
  return texts.length === 1 ? `value must be ${texts[0]}` : `value must be one of ${texts.join(", ")}`;
}
