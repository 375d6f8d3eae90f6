import { constantValue } from "./arguments.ts";
import { type CommandNode, Kind, nodeText, type OperandNode, type PipelineNode } from "./nodes.ts";
import { integerOf, isTrue, type Value, type ValueMap } from "./value.ts";
import type { ValuePath, Variables } from "./variables.ts";

/** Part of a formula: a value of the chart, a constant, or something that only its text describes. */
export type FormulaOperand = { readonly path: ValuePath } | { readonly constant: Value } | { readonly text: string };

/**
 * When a branch is taken, as far as it can be told in terms of values.
 *
 * - `true`: the operand counts as true, so it is set and not empty
 * - `not`, `all`, `any`: what `not`, `and` and `or` make of others
 * - `call`: a function or method gives something that counts as true; `eq .Values.kind "x"` is
 *   `{ name: "eq", operands: [{ path: ["kind"] }, { constant: "x" }] }`
 */
export type Formula =
  | { readonly kind: "true"; readonly of: FormulaOperand }
  | { readonly kind: "not"; readonly of: Formula }
  | { readonly kind: "all" | "any"; readonly of: readonly Formula[] }
  | { readonly kind: "call"; readonly name: string; readonly operands: readonly FormulaOperand[] };

/** Says where a map lies in the values; undefined for one that is no part of them. */
export type PathOf = (map: ValueMap) => ValuePath | undefined;

/** What a formula's names stand for where its branch is. */
export interface FormulaScope {
  readonly dot: Value;
  readonly variables: Variables;
  readonly pathOf: PathOf;
}

/** Finds every map within values by its identity. A map that is there twice has the path met first. */
export function pathsOf(values: ValueMap): PathOf {
  const paths = new WeakMap<ValueMap, ValuePath>();
  const visit = (value: Value, path: ValuePath): void => {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(item, [...path, i]);
    if (!(value instanceof Map) || paths.has(value)) return;
    paths.set(value, path);
    for (const [key, item] of value) visit(item, [...path, key]);
  };
  visit(values, []);
  return (map) => paths.get(map);
}

interface Located {
  readonly value: Value;
  readonly path: ValuePath | undefined;
}

/** Functions that change how a value is written, but not which one it is; and `len`, which is as true as what it counts. */
const transparent: ReadonlySet<string> = new Set(["toString", "int", "int64", "float64", "lower", "trim", "len"]);

/** Functions that may give what lies at a path. */
const passing: ReadonlySet<string> = new Set([...transparent, "index", "get", "default", "printf"]);

/** Reads the condition of a branch. Nothing is executed: what calls for that stays a text. */
export class FormulaReader {
  readonly #scope: FormulaScope;

  constructor(scope: FormulaScope) {
    this.#scope = scope;
  }

  formula(pipeline: PipelineNode): Formula {
    const [first, ...others] = pipeline.commands;
    return others.reduce((final, command) => this.#command(command, final), this.#command(first!, undefined));
  }

  /** Where the value of a pipeline lies, when the pipeline does nothing but take it from there. */
  path(pipeline: PipelineNode): ValuePath | undefined {
    const { first } = pipeline.commands.at(-1)!;
    if (first.kind === Kind.identifier && !passing.has(first.name)) return undefined;
    const formula = this.formula(pipeline);
    return formula.kind === "true" && "path" in formula.of ? formula.of.path : undefined;
  }

  #command({ first, rest }: CommandNode, final: Formula | undefined): Formula {
    if (first.kind === Kind.identifier) return this.#call(first.name, rest, final);
    const operands = rest.map((node) => operandOf(this.#operand(node)));
    if (final !== undefined) operands.push(operandOf(final));
    return operands.length > 0 ? { kind: "call", name: nodeText(first), operands } : this.#operand(first);
  }

  #call(name: string, rest: readonly OperandNode[], final: Formula | undefined): Formula {
    const parts = rest.map((node) => this.#operand(node));
    if (final !== undefined) parts.push(final);
    const [first, second] = parts;
    if (first !== undefined) {
      if (name === "not" || name === "empty") return { kind: "not", of: first };
      if (name === "and") return { kind: "all", of: parts };
      if (name === "or") return { kind: "any", of: parts };
      if (transparent.has(name) && second === undefined) return first;
      if (name === "default" && second !== undefined && isFalse(first)) return second;
      if (name === "printf" && parts.length === 2 && isConstant(first, "%s")) return parts[1]!;
    }
    const operands = parts.map(operandOf);
    const path = name === "index" || name === "get" ? indexed(operands) : undefined;
    return path === undefined ? { kind: "call", name, operands } : { kind: "true", of: { path } };
  }

  #operand(node: OperandNode): Formula {
    switch (node.kind) {
      case Kind.pipeline:
        return this.formula(node);
      case Kind.identifier:
        return this.#call(node.name, [], undefined);
      case Kind.bool:
      case Kind.string:
        return { kind: "true", of: { constant: node.value } };
      case Kind.number:
        return { kind: "true", of: { constant: node.value.natural === undefined ? null : constantValue(node) } };
      case Kind.nil:
        return { kind: "true", of: { constant: null } };
    }
    const path = this.#locate(node)?.path;
    return { kind: "true", of: path === undefined ? { text: nodeText(node) } : { path } };
  }

  #locate(node: OperandNode): Located | undefined {
    const { dot, variables } = this.#scope;
    switch (node.kind) {
      case Kind.dot:
        return this.#located(dot, undefined);
      case Kind.field:
        return this.#fields(this.#located(dot, undefined), node.fields);
      case Kind.variable: {
        const index = variables.find(node.name);
        return this.#fields(this.#located(variables.value(index), variables.origin(index)), node.fields);
      }
      case Kind.chain:
        return node.of.kind === Kind.pipeline
          ? this.#fields({ value: undefined, path: this.path(node.of) }, node.fields)
          : undefined;
    }
    return undefined;
  }

  #located(value: Value, path: ValuePath | undefined): Located {
    return { value, path: (value instanceof Map ? this.#scope.pathOf(value) : undefined) ?? path };
  }

  #fields(start: Located, fields: readonly string[]): Located {
    return fields.reduce(({ value, path }, field) => {
      const next = value instanceof Map ? value.get(field) : undefined;
      return this.#located(next, path && [...path, field]);
    }, start);
  }
}

const isConstant = (formula: Formula, value: Value): boolean =>
  formula.kind === "true" && "constant" in formula.of && formula.of.constant === value;

const isFalse = (formula: Formula): boolean =>
  formula.kind === "true" && "constant" in formula.of && !isTrue(formula.of.constant);

/** `index .Values.a "b" 0` is the same as `.Values.a.b` and its first item. */
function indexed([first, ...keys]: readonly FormulaOperand[]): ValuePath | undefined {
  if (first === undefined || !("path" in first)) return undefined;
  const steps = keys.map((key) => ("constant" in key ? key.constant : undefined));
  const path = steps.map((step) => {
    const position = integerOf(step);
    return position === undefined ? step : Number(position);
  });
  return path.every((step) => typeof step === "string" || typeof step === "number")
    ? [...first.path, ...path]
    : undefined;
}

const operandOf = (formula: Formula): FormulaOperand =>
  formula.kind === "true" ? formula.of : { text: formulaText(formula) };

function formulaText(formula: Formula): string {
  switch (formula.kind) {
    case "true":
      return operandText(formula.of);
    case "not":
      return `(not ${formulaText(formula.of)})`;
    case "all":
    case "any":
      return `(${formula.kind === "all" ? "and" : "or"} ${formula.of.map(formulaText).join(" ")})`;
    case "call":
      return `(${[formula.name, ...formula.operands.map(operandText)].join(" ")})`;
  }
}

function operandText(operand: FormulaOperand): string {
  if ("path" in operand) return `.Values.${operand.path.join(".")}`;
  if ("text" in operand) return operand.text;
  return typeof operand.constant === "string" ? JSON.stringify(operand.constant) : String(operand.constant);
}
