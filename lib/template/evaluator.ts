import { ArgumentError, type ConstantNode, convertArgument, convertConstant } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { builtins } from "./builtins.ts";
import { type CallContext, FunctionError, type ParameterType, type TemplateFunction } from "./function-table.ts";
import {
  type ChainNode,
  type CommandNode,
  type IdentifierNode,
  Kind,
  type LocatedNode,
  type NilNode,
  nodeText,
  type OperandNode,
  type PipelineNode,
  type Source,
  type VariableNode,
} from "./nodes.ts";
import { quote } from "./quoting.ts";
import { placeOf, TemplateError } from "./template-error.ts";
import { isTrue, methodsOf, Struct, TypedMap, typeName, type Value } from "./value.ts";
import type { Variables } from "./variables.ts";

/** What a map gives for a key it does not have: nil, as helm asks for by `missingkey=zero`, or an error. */
export type MissingKey = "zero" | "error";

/** A template on the stack of those that are executed now. */
export interface Frame {
  /** The name of the template, as messages show it. */
  readonly name: string;
  /** What the nodes that are evaluated in it were parsed from. */
  readonly source: Source;
  readonly variables: Variables;
  /** Whether the static type of the dot is `interface {}`, as in a range: only messages show it. */
  dotIsBoxed: boolean;
}

/** The value before a `|`, or that there is none. */
const absent = Symbol("absent");
type Final = Value | typeof absent;

/** The arguments of a command after its first word. */
type Operands = readonly OperandNode[];
const noOperands: Operands = [];

const [and, or, call] = [builtins.get("and"), builtins.get("or"), builtins.get("call")];

/** Evaluates pipelines as Go's text/template does, node by node as its exec.go, so that errors are the same. */
export class Evaluator {
  readonly #context: CallContext;
  readonly #missingKey: MissingKey;
  /** What is evaluated counts against it. */
  budget: Budget;
  frame: Frame;
  /** What is evaluated now: where an error happened. */
  at: LocatedNode | undefined;

  constructor(context: CallContext, missingKey: MissingKey, budget: Budget, frame: Frame) {
    this.#context = context;
    this.#missingKey = missingKey;
    this.budget = budget;
    this.frame = frame;
  }

  /** @throws TemplateError about the node that is evaluated now */
  fail(reason: string, cause?: unknown): never {
    const { name, source } = this.frame;
    const node = this.at;
    const inner = cause instanceof TemplateError ? cause : undefined;
    if (node === undefined) {
      throw new TemplateError(`template: ${name}: ${reason}`, inner?.place ?? { name, line: 1, column: 0 }, reason);
    }
    const place = placeOf(source.name, source.text, node.start);
    const where = `${place.name}:${place.line}:${place.column}: executing ${quote(name)} at <${nodeText(node)}>`;
    const options = cause === undefined ? {} : { cause };
    throw new TemplateError(`template: ${where}: ${reason}`, inner?.place ?? place, inner?.reason ?? reason, options);
  }

  /** The value of a pipeline; its variables are declared or set. nil becomes no value. */
  pipeline(dot: Value, node: PipelineNode): Value {
    this.budget.spend(1);
    this.at = node;
    const { commands, variables } = node;
    let result = this.#command(dot, commands[0]!, absent) ?? undefined;
    for (let i = 1; i < commands.length; i++) result = this.#command(dot, commands[i]!, result) ?? undefined;
    for (let i = 0; i < variables.length; i++) {
      if (node.assigns) this.assign(variables[i]!, result);
      else this.frame.variables.declare(variables[i]!, result);
    }
    return result;
  }

  assign(name: string, value: Value, boxed = false): void {
    this.frame.variables.set(this.#variable(name), value, boxed);
  }

  #variable(name: string): number {
    const index = this.frame.variables.find(name);
    return index < 0 ? this.fail(`undefined variable: ${name}`) : index;
  }

  #command(dot: Value, command: CommandNode, final: Final): Value {
    const { first, rest } = command;
    switch (first.kind) {
      case Kind.field:
        this.at = first;
        return this.#fields(dot, dot, this.frame.dotIsBoxed, first, first.fields, rest, final);
      case Kind.chain:
        return this.#chain(dot, first, rest, final);
      case Kind.identifier:
        return this.#function(dot, first, command, rest, final);
      case Kind.pipeline:
        this.#refuseArguments(first, rest, final);
        return this.pipeline(dot, first);
      case Kind.variable:
        return this.#variableNode(dot, first, rest, final);
    }
    this.at = first;
    this.#refuseArguments(first, rest, final);
    if (first.kind === Kind.dot) return dot;
    return first.kind === Kind.nil ? this.fail("nil is not a command") : this.#constant(first, "any");
  }

  #refuseArguments(first: OperandNode, rest: Operands, final: Final): void {
    if (rest.length > 0 || final !== absent) this.fail(`can't give argument to non-function ${nodeText(first)}`);
  }

  #variableNode(dot: Value, node: VariableNode, rest: Operands, final: Final): Value {
    this.at = node;
    const index = this.#variable(node.name);
    const value = this.frame.variables.value(index);
    if (node.fields.length > 0) {
      return this.#fields(dot, value, this.frame.variables.isBoxed(index), node, node.fields, rest, final);
    }
    this.#refuseArguments(node, rest, final);
    return value;
  }

  #chain(dot: Value, node: ChainNode, rest: Operands, final: Final): Value {
    this.at = node;
    const value = this.#operand(dot, node.of);
    return this.#fields(dot, value, false, node, node.fields, rest, final);
  }

  /** An operand that is not asked for any type. */
  #operand(dot: Value, node: OperandNode): Value {
    switch (node.kind) {
      case Kind.pipeline:
        return this.pipeline(dot, node);
      case Kind.identifier:
        return this.#function(dot, node, node, noOperands, absent);
    }
    return this.argument(dot, node, "any");
  }

  // fields and methods

  /** `.a.b.c arguments`: fields one after another; the last one may be a method that takes arguments. */
  #fields(
    dot: Value,
    receiver: Value,
    boxed: boolean,
    node: LocatedNode,
    fields: readonly string[],
    rest: Operands,
    final: Final,
  ): Value {
    let value = receiver;
    let isBoxed = boxed;
    const last = fields.length - 1;
    for (let i = 0; i < last; i++) {
      const next = this.#field(dot, value, isBoxed, node, fields[i]!, noOperands, absent);
      isBoxed = value instanceof Map;
      value = next;
    }
    return this.#field(dot, value, isBoxed, node, fields[last]!, rest, final);
  }

  #field(
    dot: Value,
    receiver: Value,
    boxed: boolean,
    node: LocatedNode,
    name: string,
    rest: Operands,
    final: Final,
  ): Value {
    if (receiver === undefined) {
      return this.#missingKey === "error" ? this.fail(`nil data; no entry for key ${quote(name)}`) : undefined;
    }
    if (receiver === null) return this.fail(`nil pointer evaluating interface {}.${name}`);
    const method = methodsOf(receiver)?.get(name);
    if (method !== undefined) return this.#call(dot, method, name, node, rest, final);
    const hasArguments = rest.length > 0 || final !== absent;
    if (receiver instanceof Map) {
      if (hasArguments) this.fail(`${name} is not a method but has arguments`);
      const value = receiver.get(name);
      if (value !== undefined) return value;
      if (this.#missingKey === "error" && !receiver.has(name)) this.fail(`map has no entry for key ${quote(name)}`);
      return receiver instanceof TypedMap ? receiver.zero : null;
    }
    if (receiver instanceof Struct && receiver.fields.has(name)) {
      if (hasArguments) this.fail(`${name} has arguments but cannot be invoked as function`);
      return receiver.fields.get(name) ?? null;
    }
    return this.fail(`can't evaluate field ${name} in type ${boxed ? "interface {}" : typeName(receiver)}`);
  }

  // calls

  #function(dot: Value, node: IdentifierNode, command: LocatedNode, rest: Operands, final: Final): Value {
    this.at = node;
    return this.#call(dot, node.called, node.name, command, rest, final);
  }

  #call(dot: Value, called: TemplateFunction, name: string, node: LocatedNode, rest: Operands, final: Final): Value {
    const { parameters, variadic } = called;
    const count = rest.length + (final === absent ? 0 : 1);
    if (variadic === undefined ? count !== parameters.length : count < parameters.length) {
      const [want, got] = variadic === undefined ? ["", count] : ["at least ", rest.length];
      this.fail(`wrong number of args for ${name}: want ${want}${parameters.length} got ${got}`);
    }
    if (called === and || called === or) return this.#shortCircuit(dot, called === or, rest, final);
    const values = new Array<Value>(count); // an array that is pushed to takes room for seventeen
    for (let i = 0; i < rest.length; i++) values[i] = this.argument(dot, rest[i]!, parameters[i] ?? variadic!);
    if (final !== absent) values[rest.length] = this.#typed(final, parameters[rest.length] ?? variadic!);
    if (called === call) values.unshift(calleeName(rest[0], values[0]));
    try {
      return called.call(this.#context, ...values);
    } catch (error) {
      if (!(error instanceof FunctionError || error instanceof TemplateError)) throw error;
      this.at = node;
      return this.fail(`error calling ${name}: ${error.message}`, error);
    }
  }

  /** `and` and `or` evaluate only as many arguments as they need. */
  #shortCircuit(dot: Value, until: boolean, rest: Operands, final: Final): Value {
    let value: Value = null;
    for (let i = 0; i < rest.length; i++) {
      value = this.argument(dot, rest[i]!, "value");
      if (isTrue(value) === until) return value;
    }
    return final === absent ? value : final;
  }

  /** An operand as an argument of a type. */
  argument(dot: Value, node: OperandNode, type: ParameterType): Value {
    this.at = node;
    switch (node.kind) {
      case Kind.string:
        if (type === "string" || type === "any" || type === "value") return node.value;
        return this.#constant(node, type);
      case Kind.bool:
      case Kind.nil:
      case Kind.number:
        return this.#constant(node, type);
    }
    return this.#typed(this.#argumentValue(dot, node), type);
  }

  #typed(value: Value, type: ParameterType): Value {
    if (type === "any" || type === "value") return value === undefined ? null : value;
    if (type === "string" && typeof value === "string") return value;
    try {
      return convertArgument(value, type);
    } catch (error) {
      return this.#refused(error);
    }
  }

  #constant(node: ConstantNode | NilNode, type: ParameterType): Value {
    try {
      return convertConstant(node, type);
    } catch (error) {
      return this.#refused(error);
    }
  }

  /** Makes the complaint of a conversion an error at the current node. */
  #refused(error: unknown): never {
    if (error instanceof ArgumentError) return this.fail(error.message);
    throw error;
  }

  #argumentValue(dot: Value, node: Exclude<OperandNode, ConstantNode | NilNode>): Value {
    switch (node.kind) {
      case Kind.dot:
        return dot;
      case Kind.field:
        return this.#fields(dot, dot, this.frame.dotIsBoxed, node, node.fields, noOperands, absent);
      case Kind.variable:
        return this.#variableNode(dot, node, noOperands, absent);
      case Kind.pipeline:
        return this.pipeline(dot, node);
      case Kind.identifier:
        return this.#function(dot, node, node, noOperands, absent);
      case Kind.chain:
        return this.#chain(dot, node, noOperands, absent);
    }
  }
}

/** How the message of `call` names what it was asked to call. */
function calleeName(node: OperandNode | undefined, value: Value): string {
  if (node !== undefined) return nodeText(node);
  return typeof value === "string" ? value : `<${typeName(value)} Value>`;
}
