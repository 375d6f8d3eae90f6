import type { Value } from "../template/index.ts";
import type { Evaluation } from "./evaluation.ts";
import { inEnglish, type Problem } from "./problem.ts";

export function evaluateArray(evaluation: Evaluation): void {
  const { schema } = evaluation;
  const array = evaluation.value as readonly Value[];
  const { minItems, maxItems, prefixItems = [], items } = schema;
  if (minItems !== undefined && array.length < minItems) {
    evaluation.report(`minItems: got ${inEnglish(array.length)}, want ${inEnglish(minItems)}`);
  }
  if (maxItems !== undefined && array.length > maxItems) {
    evaluation.report(`maxItems: got ${inEnglish(array.length)}, want ${inEnglish(maxItems)}`);
  }
  if (schema.uniqueItems) evaluateUniqueness(evaluation, array);
  for (const [i, item] of array.slice(0, prefixItems.length).entries()) {
    evaluation.add(evaluation.within(prefixItems[i]!, item, i));
  }
  if (items !== undefined) {
    const rest = array.slice(prefixItems.length);
    if (schema.itemsAreAdditional && items.always === false) {
      if (rest.length > 0) evaluation.report(`last ${rest.length} additionalItem(s) not allowed`);
      // helm's validator counts these from where they begin
    } else for (const [i, item] of rest.entries()) evaluation.add(evaluation.within(items, item, i));
  }
  evaluateContents(evaluation, array);
}

function evaluateUniqueness(evaluation: Evaluation, array: readonly Value[]): void {
  const seen = new Map<string, number>();
  for (const [i, item] of array.entries()) {
    const identity = evaluation.identity(item);
    const first = seen.get(identity);
    if (first !== undefined) {
      evaluation.report(`items at ${first} and ${i} are equal`);
      return;
    }
    seen.set(identity, i);
  }
}

function evaluateContents(evaluation: Evaluation, array: readonly Value[]): void {
  const { draft, contains, minContains, maxContains } = evaluation.schema;
  if (contains === undefined) return;
  const problems: Problem[] = [];
  const matching: number[] = [];
  for (const [i, item] of array.entries()) {
    const problem = evaluation.within(contains, item, i);
    if (problem !== undefined) problems.push(problem);
    else {
      matching.push(i);
      if (draft >= 2020) evaluation.unevaluated?.delete(i);
    }
  }
  const matched = `matched ${matching.length} items at ${matching.join(" ")}`;
  if (minContains === undefined) {
    if (matching.length === 0) evaluation.report("no items match contains schema", problems);
  } else if (matching.length < minContains) {
    const got = matching.length === 0 ? "none matched" : matched;
    evaluation.report(`min ${minContains} items required to match contains schema, but ${got}`, problems);
  }
  if (maxContains !== undefined && matching.length > maxContains) {
    evaluation.report(`max ${maxContains} items required to match contains schema, but ${matched}`);
  }
}
