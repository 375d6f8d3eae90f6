import type { Value, ValueMap } from "./value.ts";

/**
 * Go types a parameter can have, and what the function then receives. The engine checks every argument against them and
 * fails in Go's words ("wrong type for value; expected string; got float64"); nil is allowed for `any`, slices and maps
 * only, and arrives as `null` for `any`, as an empty slice or map for the others. `value` is reflect.Value: anything.
 */
export interface ParameterTypes {
  any: Argument;
  value: Argument;
  string: string;
  bool: boolean;
  int: bigint;
  float64: number;
  bytes: Uint8Array;
  map: ValueMap;
  "[]any": Value[];
  "[]string": Value[];
}

/** What a function receives: never `undefined`. */
export type Argument = Exclude<Value, undefined>;
export type ParameterType = keyof ParameterTypes;

/** A function of templates, or a method of a struct. Make one with `templateFunction` or `variadicFunction`. */
export interface TemplateFunction {
  readonly parameters: readonly ParameterType[];
  /** The type of each further argument; absent when there may be none. */
  readonly variadic?: ParameterType;
  /**
   * @returns a value; `null` for nil
   * @throws FunctionError when the Go function returns an error or panics: becomes "error calling NAME: …"
   */
  call(context: CallContext, ...args: Value[]): Value;
}

export type FunctionTable = ReadonlyMap<string, TemplateFunction>;

/** What a call may use of the render it is part of. Nothing here depends on the machine or on the time of day. */
export interface CallContext {
  /**
   * Counts work against the budget of the render; to be called before work or memory that grows with the arguments'
   * values is spent: one per element made, per 16 characters made, per step of a loop.
   *
   * @throws RejectedError TEMPLATE_TOO_EXPENSIVE when the budget is used up
   */
  spend(operations: number): void;
  /** The time of the render: fixed by its caller. */
  readonly now: Date;
  /** Bytes of the render's own generator: the same ones for the same seed and order of calls. */
  random(bytes: number): Uint8Array;
  /** To be called before a map that was given as an argument, or lies within one, is changed: so it can be undone. */
  changing(map: ValueMap): void;
  /** Executes a named template: what `include` does. Missing values are left in the text as `<no value>`. */
  execute(name: string, data: Value): string;
  /** Parses a text and executes it beside the templates there are: what `tpl` does. `<no value>` is removed. */
  evaluate(text: string, data: Value): string;
}

/** A function failed as its Go counterpart would: returned an error, or panicked. The message is Go's. */
export class FunctionError extends Error {
  override readonly name = "FunctionError";
}

type Received<P extends readonly ParameterType[]> = { -readonly [I in keyof P]: ParameterTypes[P[I]] };

/** A function of a fixed number of arguments; `call` gets them checked and typed. */
export function templateFunction<const P extends readonly ParameterType[]>(
  parameters: P,
  call: (context: CallContext, ...args: Received<P>) => Value,
): TemplateFunction {
  return { parameters, call: call as TemplateFunction["call"] };
}

/** A function that takes any number of further arguments of one type after its first ones. */
export function variadicFunction<const P extends readonly ParameterType[], V extends ParameterType>(
  parameters: P,
  variadic: V,
  call: (context: CallContext, ...args: [...Received<P>, ...ParameterTypes[V][]]) => Value,
): TemplateFunction {
  return { parameters, variadic, call: call as TemplateFunction["call"] };
}
