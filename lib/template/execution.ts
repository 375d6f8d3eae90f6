import type { Budget } from "./budget.ts";
import { Evaluator, type Frame, type MissingKey } from "./evaluator.ts";
import type { Exploration } from "./exploration.ts";
import { formatValue } from "./format.ts";
import { type CallContext, FunctionError, type FunctionTable } from "./function-table.ts";
import { type BranchNode, Kind, type ListNode, type StatementNode, type TemplateNode } from "./nodes.ts";
import type { ParsedTemplate } from "./parser.ts";
import { quote } from "./quoting.ts";
import { Randomness } from "./randomness.ts";
import { rootName, type Scope } from "./scope.ts";
import { explained } from "./template-error.ts";
import { integerOf, isTrue, SizedInteger, sortedKeys, TypedSlice, type Value, type ValueMap } from "./value.ts";
import { Variables } from "./variables.ts";

export interface ExecuteOptions {
  /** Shared by all executions of a render. */
  readonly budget: Budget;
  /** The time that templates are told. */
  readonly now: Date;
  /** What the bytes of `CallContext.random` are made from. */
  readonly seed: string;
  /** `zero` unless said otherwise, as helm does; `error` is what `helm lint --strict` asks for. */
  readonly missingKey?: MissingKey;
  /** Executes the branches that are not taken as well. */
  readonly exploration?: Exploration;
  readonly watch?: ExecutionWatch | undefined;
}

/** Is told what an execution depends on besides what it is given, and what it changes. */
export interface ExecutionWatch {
  /** A template is called by name, whether there is one or not. */
  calling(name: string): void;
  /** A map that the execution was given or has made is about to be changed. */
  changing(map: ValueMap): void;
}

/** How a list of statements ended. */
const Jump = { none: 0, break: 1, continue: 2 } as const;
type Jump = (typeof Jump)[keyof typeof Jump];

const noValue = "<no value>";

/** Helm takes this text out of everything it rendered: it stands for values that are not there. */
export const withoutNoValue = (text: string): string => text.replaceAll(noValue, "");

/** One run of a template with all the templates it calls. */
export class Execution {
  readonly #functions: FunctionTable;
  readonly #exploration: Exploration | undefined;
  readonly #watch: ExecutionWatch | undefined;
  readonly #evaluator: Evaluator;
  #scope: Scope;
  #output = "";

  constructor(functions: FunctionTable, scope: Scope, options: ExecuteOptions) {
    const { budget, now, seed, missingKey = "zero", exploration, watch } = options;
    this.#functions = functions;
    this.#scope = scope;
    this.#exploration = exploration;
    this.#watch = watch;
    const randomness = new Randomness(seed);
    const context: CallContext = {
      spend: (operations) => this.#evaluator.budget.spend(operations),
      now,
      random: (bytes) => randomness.bytes(bytes),
      changing(map) {
        exploration?.changing(map);
        watch?.changing(map);
      },
      execute: (name, data) => this.#execute(name, data),
      evaluate: (text, data) => this.#evaluate(text, data),
    };
    const source = { name: rootName, text: "" };
    const frame = { name: rootName, source, variables: new Variables(undefined), dotIsBoxed: false };
    this.#evaluator = new Evaluator(context, missingKey, budget, frame);
  }

  /** Executes a template and gives what it put out. */
  run(template: ParsedTemplate, data: Value): string {
    const output = this.#output;
    this.#output = "";
    try {
      this.#call(template, data ?? undefined);
      return this.#output;
    } finally {
      this.#output = output;
    }
  }

  // what functions call

  #execute(name: string, data: Value): string {
    this.#watch?.calling(name);
    const template = this.#scope.get(name);
    if (template === undefined) {
      throw new FunctionError(`template: no template ${quote(name)} associated with template ${quote(rootName)}`);
    }
    return this.run(template, data);
  }

  #evaluate(text: string, data: Value): string {
    this.#evaluator.budget.spend(text.length >> 4);
    if (!text.includes("{{")) return withoutNoValue(text);
    const outer = this.#scope;
    const { scope, template } = outer.within(text, this.#functions);
    this.#scope = scope;
    try {
      return withoutNoValue(this.run(template, data));
    } catch (error) {
      throw explained(`error during tpl function execution for ${quote(text)}`, error);
    } finally {
      this.#scope = outer;
    }
  }

  /** Executes the body of a template: with a dot and variables of its own, one step deeper. */
  #call({ name, source, root }: ParsedTemplate, data: Value): void {
    const evaluator = this.#evaluator;
    const { frame, at, budget } = evaluator;
    budget.enter();
    evaluator.frame = { name, source, variables: new Variables(data), dotIsBoxed: false };
    evaluator.at = undefined;
    try {
      this.#list(data, root);
    } finally {
      evaluator.frame = frame;
      evaluator.at = at;
      budget.leave();
    }
  }

  // statements

  #write(text: string): void {
    this.#evaluator.budget.write(text.length);
    this.#output += text;
  }

  #list(dot: Value, list: ListNode): Jump {
    const tolerates = this.#exploration?.tolerates === true;
    const { statements } = list;
    for (let i = 0; i < statements.length; i++) {
      const jump = tolerates ? this.#tolerant(dot, statements[i]!) : this.#statement(dot, statements[i]!);
      if (jump !== Jump.none) return jump;
    }
    return Jump.none;
  }

  #statement(dot: Value, node: StatementNode): Jump {
    const evaluator = this.#evaluator;
    switch (node.kind) {
      case Kind.text:
        this.#write(node.text);
        return Jump.none;
      case Kind.action: {
        evaluator.at = node;
        const value = evaluator.pipeline(dot, node.pipeline);
        if (node.pipeline.variables.length > 0) {
          this.#exploration?.declared(node.pipeline, dot, evaluator.frame.variables);
        } else {
          this.#write(value === undefined ? noValue : formatValue(value));
        }
        return Jump.none;
      }
      case Kind.if:
      case Kind.with:
        return this.#branch(dot, node);
      case Kind.range:
        return this.#range(dot, node);
      case Kind.template:
        this.#template(dot, node);
        return Jump.none;
      case Kind.break:
        return Jump.break;
      case Kind.continue:
        return Jump.continue;
    }
  }

  /** A statement that may fail: its variables are then there without a value, as the next statements need them. */
  #tolerant(dot: Value, node: StatementNode): Jump {
    const { variables } = this.#evaluator.frame;
    const declared = variables.count;
    try {
      return this.#statement(dot, node);
    } catch (error) {
      this.#exploration!.passOver(error);
      variables.reset(declared);
      if (node.kind === Kind.action && !node.pipeline.assigns) {
        for (const name of node.pipeline.variables) variables.declare(name, undefined);
      }
      return Jump.none;
    }
  }

  #branch(dot: Value, node: BranchNode): Jump {
    const { frame } = this.#evaluator;
    const declared = frame.variables.count;
    const value = this.#evaluator.pipeline(dot, node.pipeline);
    const holds = isTrue(value);
    const inner = node.kind === Kind.with ? value : dot;
    if (this.#exploration !== undefined) this.#explore(dot, node, !holds, holds ? dot : inner);
    let jump: Jump = Jump.none;
    if (!holds) jump = node.otherwise === undefined ? Jump.none : this.#list(dot, node.otherwise);
    else if (node.kind === Kind.with) jump = this.#withDot(value, false, node.list);
    else jump = this.#list(dot, node.list);
    frame.variables.reset(declared);
    return jump;
  }

  #withDot(dot: Value, boxed: boolean, list: ListNode): Jump {
    const { frame } = this.#evaluator;
    const before = frame.dotIsBoxed;
    frame.dotIsBoxed = boxed;
    try {
      return this.#list(dot, list);
    } finally {
      frame.dotIsBoxed = before;
    }
  }

  #template(dot: Value, node: TemplateNode): void {
    this.#evaluator.at = node;
    this.#watch?.calling(node.name);
    const template = this.#scope.get(node.name);
    if (template === undefined) this.#evaluator.fail(`template ${quote(node.name)} not defined`);
    const data = node.pipeline === undefined ? undefined : this.#evaluator.pipeline(dot, node.pipeline);
    this.#call(template, data);
  }

  // loops

  #range(dot: Value, node: BranchNode): Jump {
    this.#evaluator.at = node;
    const { frame } = this.#evaluator;
    const declared = frame.variables.count;
    const value = this.#evaluator.pipeline(dot, node.pipeline);
    const isEmpty = !this.#canRange(value, node) || !isTrue(value) || (integerOf(value) ?? 0n) < 0n;
    if (this.#exploration !== undefined) this.#explore(dot, node, isEmpty, isEmpty ? undefined : dot);
    let jump: Jump = Jump.none;
    if (!isEmpty) jump = this.#rounds(node, value);
    else if (node.otherwise !== undefined) jump = this.#list(dot, node.otherwise);
    frame.variables.reset(declared);
    return jump;
  }

  /** Whether there is anything to range over. Fails for values of other types. */
  #canRange(value: Value, node: BranchNode): boolean {
    if (value === undefined || value === null) return false;
    if (typeof value === "bigint" || value instanceof SizedInteger) {
      if (node.pipeline.variables.length < 2) return true;
      return this.#evaluator.fail(`can't use ${formatValue(value)} to iterate over more than one variable`);
    }
    if (value instanceof Map || Array.isArray(value) || value instanceof Uint8Array) return true;
    return this.#evaluator.fail(`range can't iterate over ${formatValue(value)}`);
  }

  #rounds(node: BranchNode, value: Value): Jump {
    const boxed = !(value instanceof TypedSlice);
    if (typeof value === "bigint") {
      for (let i = 0n; i < value; i++) if (this.#round(node, undefined, i, false)) break;
    } else if (value instanceof SizedInteger) {
      for (let i = 0n; i < value.value; i++)
        if (this.#round(node, undefined, new SizedInteger(value.type, i), false)) break;
    } else if (value instanceof Map) {
      for (const key of sortedKeys(value)) if (this.#round(node, key, value.get(key), boxed)) break;
    } else if (value instanceof Uint8Array) {
      for (let i = 0; i < value.length; i++)
        if (this.#round(node, BigInt(i), new SizedInteger("uint8", BigInt(value[i]!)), false)) break;
    } else if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) if (this.#round(node, BigInt(i), value[i], boxed)) break;
    }
    return Jump.none;
  }

  /** One round of a loop. @returns whether the loop ends with it */
  #round(node: BranchNode, key: Value, element: Value, boxed: boolean): boolean {
    this.#evaluator.budget.spend(1);
    const { variables } = this.#evaluator.frame;
    const { variables: names, assigns } = node.pipeline;
    const keyName = names.length > 1 ? names[0] : undefined;
    const elementName = names.at(-1);
    const count = variables.count;
    if (assigns) {
      if (keyName !== undefined) this.#evaluator.assign(keyName, key);
      if (elementName !== undefined) this.#evaluator.assign(elementName, element, boxed);
    } else {
      // The pipeline declared them, with its own value for each.
      if (keyName !== undefined) variables.set(count - 2, key);
      if (elementName !== undefined) variables.set(count - 1, element, boxed);
    }
    const jump = this.#withDot(element, boxed, node.list);
    variables.reset(count);
    return jump === Jump.break;
  }

  // branches that are not taken

  /** Executes the side of a branch that is not taken: its list when `holds`, which the condition then should, else the other. */
  #explore(dot: Value, node: BranchNode, holds: boolean, innerDot: Value): void {
    const exploration = this.#exploration!;
    const list = holds ? node.list : node.otherwise;
    if (list === undefined || !exploration.admits(list, this.#evaluator.frame.source)) return;
    const evaluator = this.#evaluator;
    const { frame, at, budget } = evaluator;
    const [output, scope] = [this.#output, this.#scope];
    const values = frame.variables.snapshot();
    if (node.kind === Kind.range && holds && !node.pipeline.assigns) this.#emptyElement(frame, node);
    exploration.enter(node, holds, dot, frame);
    this.#output = "";
    evaluator.budget = exploration.budget;
    try {
      this.#withDot(innerDot, true, list);
    } catch (error) {
      exploration.absorb(error);
    } finally {
      exploration.leave(this.#output, output.slice(output.lastIndexOf("\n") + 1));
      [this.#output, this.#scope] = [output, scope];
      evaluator.budget = budget;
      evaluator.frame = frame;
      evaluator.at = at;
      frame.variables.restore(values);
    }
  }

  /** Lets the variables of a range stand for an element that is not there. */
  #emptyElement({ variables }: Frame, { pipeline }: BranchNode): void {
    for (let i = 1; i <= pipeline.variables.length; i++) variables.set(variables.count - i, undefined);
  }
}
