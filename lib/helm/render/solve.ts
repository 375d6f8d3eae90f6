import { type Formula, type FormulaOperand, isTrue, type Value } from "../../template/index.ts";
import { type Setting, type SettingPath, settingOf, settingText } from "./setting.ts";

/** What is needed for a formula to hold: values at paths, and API versions of the cluster. */
type Needs = ReadonlyMap<string, NeededValue | { readonly api: string }>;

interface NeededValue {
  readonly path: SettingPath;
  readonly value: Value;
  /** The value is one of many that would do. */
  readonly free: boolean;
}

/** Ways to make a formula hold; none when it cannot be told. */
type Ways = readonly Needs[];

/** More ways than are worth a render each. */
const MAX_WAYS = 4;
const ANYTHING = "x";

/** What is put where anything will do that counts as true. */
interface Filling {
  readonly missing: Value;
  readonly item: Value;
}

/** Templates take what is there for a switch or a text, and look into the items of lists and maps, or do not. */
const fillings: readonly Filling[] = [
  { missing: true, item: ANYTHING },
  { missing: ANYTHING, item: new Map([[ANYTHING, new Map([[ANYTHING, ANYTHING]])]]) },
];

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
  const ways = fillings.flatMap((filling) => new Solver(valueAt, filling).all(formulas, true));
  const settings = ways.map((needs) => [...needs.values()].map(settingFor));
  return [...new Map(settings.map((way) => [way.map(settingText).join("\0"), way])).values()];
}

const settingFor = (need: Needs extends ReadonlyMap<string, infer N> ? N : never): Setting =>
  "api" in need ? { option: "apiVersions", text: need.api } : settingOf(need.path, need.value);

class Solver {
  readonly #valueAt: (path: SettingPath) => Value;
  readonly #filling: Filling;

  constructor(valueAt: (path: SettingPath) => Value, filling: Filling) {
    this.#valueAt = valueAt;
    this.#filling = filling;
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
    return need(path, wanted ? on(value, this.#filling) : off(value), true);
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
      case "ne":
        if ((name === "eq") === wanted) return constants.flatMap(to);
        return constants.includes(value) ? need(path, otherThan(value), true) : [new Map()];
      case "has":
        return wanted ? to([...(Array.isArray(value) ? value : []), constant]) : [];
      case "contains":
      case "hasPrefix":
      case "hasSuffix":
        return wanted ? to(constant) : need(path, ANYTHING, true);
      case "hasKey":
        return wanted && typeof constant === "string" ? need([...path, constant], true) : [];
      case "gt":
      case "ge":
      case "lt":
      case "le": {
        if (typeof constant !== "bigint") return [];
        const larger = (name === "gt" || name === "ge") === (operands[0] !== undefined && "path" in operands[0]);
        return to(amount(value, larger === wanted ? constant + 1n : constant - 1n));
      }
    }
    return [];
  }
}

const need = (path: SettingPath, value: Value, free = false): Ways => [
  new Map([[path.join("\0"), { path, value, free }]]),
];

/** Every way of one with every way of the other, but for those that contradict each other. */
function both(some: Ways, others: Ways): Ways {
  return some.flatMap((first) => others.flatMap((second) => joined(first, second))).slice(0, MAX_WAYS);
}

function joined(first: Needs, second: Needs): Ways {
  const needs = new Map(first);
  for (const [key, need] of second) {
    const known = needs.get(key);
    const differ = known !== undefined && "value" in known && "value" in need && known.value !== need.value;
    if (differ && !known.free && !need.free) return [];
    if (!differ || known.free) needs.set(key, need);
  }
  return [needs];
}

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

function on(value: Value, { missing, item }: Filling): Value {
  if (typeof value === "string") return ANYTHING;
  if (typeof value === "number" || typeof value === "bigint") return 1n;
  if (Array.isArray(value)) return [item];
  if (value instanceof Map) return new Map([[ANYTHING, item]]);
  return value === false ? true : missing;
}

function off(value: Value): Value {
  if (typeof value === "string") return "";
  if (typeof value === "number" || typeof value === "bigint") return 0n;
  if (Array.isArray(value)) return [];
  return value instanceof Map ? null : false;
}

function otherThan(value: Value): Value {
  if (typeof value === "boolean") return !value;
  if (typeof value === "bigint") return value + 1n;
  return value === ANYTHING ? "" : ANYTHING;
}

/** Lists that are worth a try have few items. */
const MAX_SIZE = 10;

/** As many items as a number says where a list or map is counted; else the number. @returns undefined where that cannot be */
function amount(value: Value, count: bigint): Value {
  if (!(Array.isArray(value) || value instanceof Map)) return count;
  if (count < 0n || count > MAX_SIZE) return undefined;
  const items = Array.from({ length: Number(count) }, (_, i) => `${ANYTHING}${i}`);
  return Array.isArray(value) ? items : new Map(items.map((key) => [key, ANYTHING]));
}
