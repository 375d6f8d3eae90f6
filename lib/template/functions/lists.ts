import {
  type CallContext,
  FunctionError,
  type TemplateFunction,
  templateFunction,
  variadicFunction,
} from "../function-table.ts";
import { isTrue, kindName, SizedInteger, TypedSlice, type Value } from "../value.ts";
import { toInt64 } from "./conversion.ts";
import { deepEqual } from "./deep-equal.ts";

/**
 * The elements of a slice; those of bytes are integers.
 *
 * @param refusal what sprig says of other types, before the name of their kind
 * @throws FunctionError
 */
export function elementsOf(value: Value, refusal: string): readonly Value[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Uint8Array) return Array.from(value, (byte) => new SizedInteger("uint8", BigInt(byte)));
  if (value === null || value === undefined) {
    throw new FunctionError("runtime error: invalid memory address or nil pointer dereference");
  }
  throw new FunctionError(`${refusal} ${kindName(value)}`);
}

type Change = (elements: readonly Value[], context: CallContext) => Value;

/** A function of one list. */
const ofList = (refusal: string, change: Change): TemplateFunction =>
  templateFunction(["any"], (context, list) => {
    const elements = elementsOf(list, refusal);
    context.spend(elements.length);
    return change(elements, context);
  });

/** A plain list of what may be a typed one. */
const plain = (elements: readonly Value[]): Value[] => Array.from(elements);

const contains = (context: CallContext, elements: readonly Value[], wanted: Value): boolean => {
  context.spend(elements.length);
  return elements.some((element) => deepEqual(wanted, element, context));
};

function unique(elements: readonly Value[], context: CallContext): Value[] {
  const kept: Value[] = [];
  for (const element of elements) if (!contains(context, kept, element)) kept.push(element);
  return kept;
}

const without = variadicFunction(["any"], "any", (context, list, ...omitted) =>
  elementsOf(list, "Cannot find without on type").filter((element) => !contains(context, omitted, element)),
);

const has = templateFunction(["any", "any"], (context, wanted, list) =>
  list === null ? false : contains(context, elementsOf(list, "Cannot find has on type"), wanted),
);

const slice = variadicFunction(["any"], "any", (context, list, ...indices) => {
  const elements = elementsOf(list, "list should be type of slice or array but");
  context.spend(elements.length);
  if (elements.length === 0) return null;
  const start = indices.length > 0 ? Number(toInt64(indices[0])) : 0;
  const end = indices.length > 1 ? Number(toInt64(indices[1])) : elements.length;
  if (start < 0 || end < start || end > elements.length)
    throw new FunctionError("reflect.Value.Slice: slice index out of bounds");
  const part = Array.prototype.slice.call(elements, start, end) as Value[];
  return elements instanceof TypedSlice ? new TypedSlice(elements.type, part, elements.methods) : part;
});

const chunk = templateFunction(["int", "any"], (context, size, list) => {
  const elements = elementsOf(list, "Cannot chunk type");
  context.spend(elements.length);
  if (size <= 0n) throw new FunctionError("runtime error: makeslice: len out of range");
  const chunks: Value[] = [];
  for (let i = 0; i < elements.length; i += Number(size)) {
    chunks.push(Array.prototype.slice.call(elements, i, i + Number(size)) as Value[]);
  }
  return new TypedSlice("[][]interface {}", chunks);
});

const push = templateFunction(["any", "any"], (context, list, value) => {
  const elements = elementsOf(list, "Cannot push on type");
  context.spend(elements.length);
  return [...elements, value];
});

const prepend = templateFunction(["any", "any"], (context, list, value) => {
  const elements = elementsOf(list, "Cannot prepend on type");
  context.spend(elements.length);
  return [value, ...elements];
});

const concat = variadicFunction([], "any", (context, ...lists) => {
  const all: Value[] = [];
  for (const list of lists) {
    if (list !== null && kindName(list) !== "slice") {
      throw new FunctionError(`Cannot concat type ${kindName(list)} as list`);
    }
    const elements = elementsOf(list, "");
    context.spend(elements.length);
    for (const element of elements) all.push(element);
  }
  return all;
});

const list = variadicFunction([], "any", (_, ...values) => values);

/** Both spellings of a function: one of sprig's panics where the other returns an error, which comes to the same. */
const withMust = (name: string, call: TemplateFunction): readonly (readonly [string, TemplateFunction])[] => [
  [name, call],
  [`must${name[0]!.toUpperCase()}${name.slice(1)}`, call],
];

export const listFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["list", list],
  ["tuple", list],
  ...withMust("append", push),
  ...withMust("push", push),
  ...withMust("prepend", prepend),
  ...withMust(
    "first",
    ofList("Cannot find first on type", (elements) => elements[0] ?? null),
  ),
  ...withMust(
    "last",
    ofList("Cannot find last on type", (elements) => elements.at(-1) ?? null),
  ),
  ...withMust(
    "rest",
    ofList("Cannot find rest on type", (elements) => plain(elements).slice(1)),
  ),
  ...withMust(
    "initial",
    ofList("Cannot find initial on type", (elements) => plain(elements).slice(0, -1)),
  ),
  ...withMust(
    "reverse",
    ofList("Cannot find reverse on type", (elements) => plain(elements).reverse()),
  ),
  ...withMust(
    "compact",
    ofList("Cannot compact on type", (elements) => plain(elements).filter(isTrue)),
  ),
  ...withMust("uniq", ofList("Cannot find uniq on type", unique)),
  ...withMust("without", without),
  ...withMust("has", has),
  ...withMust("slice", slice),
  ...withMust("chunk", chunk),
  ["concat", concat],
];
