import type { TemplateFunction } from "./function-table.ts";
import type { NumberConstant } from "./numbers.ts";
import { quote } from "./quoting.ts";

/** Kinds of nodes: small integers, since the evaluator switches on them for each step. */
export const Kind = {
  // statements
  text: 0,
  action: 1,
  if: 2,
  with: 3,
  range: 4,
  template: 5,
  break: 6,
  continue: 7,
  // operands
  field: 8,
  variable: 9,
  dot: 10,
  nil: 11,
  identifier: 12,
  pipeline: 13,
  chain: 14,
  bool: 15,
  number: 16,
  string: 17,
  command: 18,
} as const;

/** The text of a template, and the name of its file. Its nodes do not know it: the same ones serve equal texts. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

interface Located {
  /** Offset in the text. */
  readonly start: number;
}

export interface TextNode {
  readonly kind: typeof Kind.text;
  readonly text: string;
}
/** `{{ pipeline }}` */
export interface ActionNode extends Located {
  readonly kind: typeof Kind.action;
  readonly pipeline: PipelineNode;
}
/** The statements between two actions, and where they lie in the source. */
export interface ListNode {
  readonly statements: readonly StatementNode[];
  readonly start: number;
  readonly end: number;
}
/** `{{ if | with | range pipeline }} list {{ else }} otherwise {{ end }}` */
export interface BranchNode extends Located {
  readonly kind: typeof Kind.if | typeof Kind.with | typeof Kind.range;
  readonly pipeline: PipelineNode;
  readonly list: ListNode;
  readonly otherwise: ListNode | undefined;
}
/** `{{ template "name" pipeline }}` */
export interface TemplateNode extends Located {
  readonly kind: typeof Kind.template;
  readonly name: string;
  readonly pipeline: PipelineNode | undefined;
}
export interface JumpNode {
  readonly kind: typeof Kind.break | typeof Kind.continue;
}
export type StatementNode = TextNode | ActionNode | BranchNode | TemplateNode | JumpNode;

/** `$a, $b := command | command` */
export interface PipelineNode extends Located {
  readonly kind: typeof Kind.pipeline;
  readonly variables: readonly string[];
  /** `=` instead of `:=` */
  readonly assigns: boolean;
  readonly commands: readonly CommandNode[];
}
/** `operand operand…`: a function or method and its arguments, or a single value. */
export interface CommandNode extends Located {
  readonly kind: typeof Kind.command;
  readonly first: OperandNode;
  readonly rest: readonly OperandNode[];
}
/** `.a.b` */
export interface FieldNode extends Located {
  readonly kind: typeof Kind.field;
  readonly fields: readonly string[];
}
/** `$name.a.b` */
export interface VariableNode extends Located {
  readonly kind: typeof Kind.variable;
  readonly name: string;
  readonly fields: readonly string[];
}
/** `(pipeline).a.b` or `function.a.b` */
export interface ChainNode extends Located {
  readonly kind: typeof Kind.chain;
  readonly of: OperandNode;
  readonly fields: readonly string[];
}
export interface IdentifierNode extends Located {
  readonly kind: typeof Kind.identifier;
  readonly name: string;
  readonly called: TemplateFunction;
}
export interface DotNode extends Located {
  readonly kind: typeof Kind.dot;
}
export interface NilNode extends Located {
  readonly kind: typeof Kind.nil;
}
export interface BoolNode extends Located {
  readonly kind: typeof Kind.bool;
  readonly value: boolean;
}
export interface NumberNode extends Located {
  readonly kind: typeof Kind.number;
  readonly value: NumberConstant;
  readonly text: string;
}
export interface StringNode extends Located {
  readonly kind: typeof Kind.string;
  readonly value: string;
  /** As it is written, where that is more than the value in double quotes. */
  readonly literal: string | undefined;
}
export type OperandNode =
  | FieldNode
  | VariableNode
  | ChainNode
  | IdentifierNode
  | PipelineNode
  | DotNode
  | NilNode
  | BoolNode
  | NumberNode
  | StringNode;

/** A node an error can point to. */
export type LocatedNode = ActionNode | BranchNode | TemplateNode | CommandNode | OperandNode;

const fieldsText = (fields: readonly string[]): string => fields.map((field) => `.${field}`).join("");

/** A node as Go writes it back: the same for `{{if  .a}}` and `{{ if .a -}}`. (text/template/parse Node.String) */
export function nodeText(node: LocatedNode | StatementNode): string {
  switch (node.kind) {
    case Kind.text:
      return node.text;
    case Kind.action:
      return `{{${nodeText(node.pipeline)}}}`;
    case Kind.if:
      return branchText("if", node);
    case Kind.with:
      return branchText("with", node);
    case Kind.range:
      return branchText("range", node);
    case Kind.template:
      return `{{template ${quote(node.name)}${node.pipeline === undefined ? "" : ` ${nodeText(node.pipeline)}`}}}`;
    case Kind.break:
      return "{{break}}";
    case Kind.continue:
      return "{{continue}}";
    case Kind.command:
      return [node.first, ...node.rest].map(operandText).join(" ");
    case Kind.pipeline: {
      const declaration = node.variables.length > 0 ? `${node.variables.join(", ")} ${node.assigns ? "=" : ":="} ` : "";
      return declaration + node.commands.map(nodeText).join(" | ");
    }
    case Kind.field:
      return fieldsText(node.fields);
    case Kind.variable:
      return node.name + fieldsText(node.fields);
    case Kind.chain:
      return operandText(node.of) + fieldsText(node.fields);
    case Kind.identifier:
      return node.name;
    case Kind.dot:
      return ".";
    case Kind.nil:
      return "nil";
    case Kind.bool:
      return String(node.value);
    case Kind.number:
      return node.text;
    case Kind.string:
      return node.literal ?? `"${node.value}"`;
  }
}

const operandText = (node: OperandNode): string =>
  node.kind === Kind.pipeline ? `(${nodeText(node)})` : nodeText(node);

const listText = (list: ListNode): string => list.statements.map(nodeText).join("");

function branchText(keyword: string, node: BranchNode): string {
  const otherwise = node.otherwise === undefined ? "" : `{{else}}${listText(node.otherwise)}`;
  return `{{${keyword} ${nodeText(node.pipeline)}}}${listText(node.list)}${otherwise}{{end}}`;
}

/** Nothing but what Unicode and Go call white space: the byte order mark, in \s, is none, and U+0085 is. */
const blank = /^(?:\u0085|(?!\ufeff)\s)*$/;

/** Whether a template holds nothing but space: such a one does not replace another of its name. */
export const isEmptyList = (list: ListNode): boolean =>
  list.statements.every((node) => node.kind === Kind.text && blank.test(node.text));
