export { Budget, type BudgetLimits } from "./budget.ts";
export type { MissingKey } from "./evaluator.ts";
export type { ExecuteOptions, ExecutionWatch } from "./execution.ts";
export { type BranchText, type Condition, Exploration, type ExplorationOptions } from "./exploration.ts";
export { type FloatFormat, formatFloat } from "./float-format.ts";
export { formatValue, sprint, sprintf } from "./format.ts";
export { type Formula, type FormulaOperand, type PathOf, pathsOf } from "./formula.ts";
export {
  type Argument,
  type CallContext,
  FunctionError,
  type FunctionTable,
  type ParameterType,
  type ParameterTypes,
  type TemplateFunction,
  templateFunction,
  variadicFunction,
} from "./function-table.ts";
export { type LateSource, mayDefine } from "./late-template.ts";
export { parseInteger } from "./numbers.ts";
export { isPrintable, quote } from "./quoting.ts";
export { type Place, TemplateError } from "./template-error.ts";
export { parseTemplates, type TemplateSet, type TemplateSource } from "./template-set.ts";
export {
  integerOf,
  isTrue,
  kindName,
  SizedInteger,
  Struct,
  type StructParts,
  sortedKeys,
  TypedMap,
  TypedSlice,
  typeName,
  type Value,
  type ValueMap,
} from "./value.ts";
export type { ValuePath } from "./variables.ts";
