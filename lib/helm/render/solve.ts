import { type Formula, type FormulaOperand, isTrue, type Value } from "../../template/index.ts";
import { type Setting, type SettingPath, settingOf } from "./setting.ts";

/** What is needed for a formula to hold: values at paths, and API versions of the cluster. */
type Needs = ReadonlyMap<string, { readonly path: SettingPath; readonly value: Value } | { readonly api: string }>;

/** Ways to make a formula hold; none when it cannot be told. */
type Ways = readonly Needs[];

/** More ways than are worth a render each. */
const MAX_WAYS = 4;
const ANYTHING = "x";

/**
 * Settings under which all formulas hold, as far as formulas can be told in values: each of the results suffices, if the
 * formulas say all there is to say. None where one of them cannot be solved.
 *
 * @param valueAt the values for which the formulas do not hold
 */
export function solve(
  formulas: readonly Formula[],
  valueAt: (path: SettingPath) => Value,
): readonly (readonly Setting[])[] {
  const solver = new Solver(valueAt);
  return solver.all(formulas, true).map((needs) => [...needs.values()].map(settingFor));
}

const settingFor = (need: Needs extends ReadonlyMap<string, infer N> ? N : never): Setting =>
  "api" in need ? { option: "apiVersions", text: need.api } : settingOf(need.path, need.value);

class Solver {
  readonly #valueAt: (path: SettingPath) => Value;

  constructor(valueAt: (path: SettingPath) => Value) {
    this.#valueAt = valueAt;
  }

  /** Ways in which all formulas are as wanted. */
  all(formulas: readonly Formula[], wanted: boolean): Ways {
    return formulas.reduce<Ways>((ways, formula) => both(ways, this.#one(formula, wanted)), [new Map()]);
  }

  #one(formula: Formula, wanted: boolean): Ways {
    switch (formula.kind) {
      case "true":
        return this.#operand(formula.of, wanted);
      case "not":
        return this.#one(formula.of, !wanted);
      case "all":
      case "any":
        if ((formula.kind === "all") === wanted) return this.all(formula.of, wanted);
        return formula.of.flatMap((part) => this.#one(part, wanted)).slice(0, MAX_WAYS);
      case "call":
        return this.#call(formula.name, formula.operands, wanted);
    }
  }

  #operand(operand: FormulaOperand, wanted: boolean): Ways {
    if ("constant" in operand) return isTrue(operand.constant) === wanted ? [new Map()] : [];
    if (!("path" in operand)) return [];
    const path = settable(operand.path);
    if (path === undefined) return [];
    const value = this.#valueAt(path);
    if (isTrue(value) === wanted) return [new Map()];
    return (wanted ? on(value) : [off(value)]).flatMap((other) => need(path, other));
  }

  #call(name: string, operands: readonly FormulaOperand[], wanted: boolean): Ways {
    const paths = operands.flatMap((operand) => ("path" in operand ? [settable(operand.path)] : []));
    const constants = operands.flatMap((operand) => ("constant" in operand ? [operand.constant] : []));
    const [constant] = constants;
    if (/^\$?\.Capabilities\.APIVersions\.Has$/.test(name)) {
      return wanted && typeof constant === "string" ? [new Map([[constant, { api: constant }]])] : [];
    }
    const [path] = paths;
    if (path === undefined || paths.length !== 1 || paths.length + constants.length !== operands.length) return [];
    const value = this.#valueAt(path);
    const to = (other: Value): Ways => (other === undefined ? [] : need(path, other));
    switch (name) {
      case "eq":
        return wanted ? constants.flatMap(to) : to(otherThan(constant));
      case "ne":
        return wanted ? to(otherThan(constant)) : to(constant);
      case "has":
        return wanted ? to([...(Array.isArray(value) ? value : []), constant]) : [];
      case "contains":
      case "hasPrefix":
      case "hasSuffix":
        return to(wanted ? constant : ANYTHING);
      case "hasKey":
        return wanted && typeof constant === "string" ? need([...path, constant], true) : [];
      case "gt":
      case "ge":
        return typeof constant === "bigint"
          ? to(wanted === (operands[0] !== undefined && "path" in operands[0]) ? constant + 1n : constant - 1n)
          : [];
      case "lt":
      case "le":
        return typeof constant === "bigint"
          ? to(wanted === (operands[0] !== undefined && "path" in operands[0]) ? constant - 1n : constant + 1n)
          : [];
    }
    return [];
  }
}

const need = (path: SettingPath, value: Value): Ways => [new Map([[path.join("\0"), { path, value }]])];

/** Every way of one with every way of the other, but for those that contradict each other. */
function both(some: Ways, others: Ways): Ways {
  const ways = some.flatMap((first) =>
    others.filter((second) => !contradict(first, second)).map((second) => new Map([...first, ...second])),
  );
  return ways.slice(0, MAX_WAYS);
}

const contradict = (first: Needs, second: Needs): boolean =>
  [...first].some(([key, one]) => {
    const other = second.get(key);
    return other !== undefined && "value" in one && "value" in other && one.value !== other.value;
  });

/**
 * A path as it can be set: what a subchart sees as its global lies at the top. Items of lists cannot be set one by one.
 *
 * @returns undefined where it cannot
 */
function settable(path: readonly (string | number)[]): SettingPath | undefined {
  const global = path.indexOf("global");
  const from = global > 0 ? path.slice(global) : path;
  return from.length > 0 && from.every((step) => typeof step === "string") ? (from as SettingPath) : undefined;
}

function on(value: Value): readonly Value[] {
  if (typeof value === "string") return [ANYTHING];
  if (typeof value === "number" || typeof value === "bigint") return [1n];
  if (Array.isArray(value)) return [[ANYTHING]];
  if (value instanceof Map) return [new Map([[ANYTHING, ANYTHING]])];
  return value === false ? [true] : [true, ANYTHING];
}

function off(value: Value): Value {
  if (typeof value === "string") return "";
  if (typeof value === "number" || typeof value === "bigint") return 0n;
  if (Array.isArray(value)) return [];
  return value instanceof Map ? null : false;
}

const otherThan = (value: Value): Value =>
  typeof value === "string"
    ? `${value}${ANYTHING}`
    : typeof value === "boolean"
      ? !value
      : typeof value === "bigint"
        ? value + 1n
        : ANYTHING;
