import type { Compiled } from "./compiled.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Problem } from "./problem.ts";

/** `$recursiveRef` and `$dynamicRef`: they lead to the outermost schema on the way here that answers to them. */
export function evaluateReferences(evaluation: Evaluation): void {
  const { recursiveReference, dynamicReference } = evaluation.schema;
  if (recursiveReference !== undefined) {
    const recursive = recursiveReference.resource.recursive;
    const outermost = (scope: Evaluation): Compiled | undefined =>
      recursive && scope.schema.resource.recursive ? scope.schema : undefined;
    evaluation.add(evaluation.referred(outermostOf(evaluation, outermost) ?? recursiveReference));
  }
  if (dynamicReference !== undefined) {
    const { target, anchor } = dynamicReference;
    const { compiler } = evaluation.check;
    const outermost = ({ schema: { resource } }: Evaluation): Compiled | undefined =>
      anchor === undefined ? undefined : compiler.dynamicAnchor(resource, anchor);
    evaluation.add(evaluation.referred(outermostOf(evaluation, outermost) ?? target));
  }
}

function outermostOf(evaluation: Evaluation, find: (scope: Evaluation) => Compiled | undefined): Compiled | undefined {
  let found: Compiled | undefined;
  for (const scope of evaluation.scopes()) found = find(scope) ?? found;
  return found;
}

export function evaluateConditions(evaluation: Evaluation): void {
  const { not, allOf, anyOf, oneOf, condition } = evaluation.schema;
  if (not !== undefined && evaluation.self(not, true) === undefined) evaluation.report("'not' failed");
  if (allOf !== undefined) evaluateAllOf(evaluation, allOf);
  if (anyOf !== undefined) evaluateAnyOf(evaluation, anyOf);
  if (oneOf !== undefined) evaluateOneOf(evaluation, oneOf);
  if (condition === undefined) return;
  const branch = evaluation.self(condition.if, true) === undefined ? condition.met : condition.otherwise;
  if (branch !== undefined) evaluation.add(evaluation.self(branch));
}

function evaluateAllOf(evaluation: Evaluation, schemas: readonly Compiled[]): void {
  const problems: Problem[] = [];
  for (const schema of schemas) {
    const problem = evaluation.self(schema);
    if (problem === undefined) continue;
    problems.push(problem);
    if (evaluation.quiet) break;
  }
  if (problems.length > 0) evaluation.report("'allOf' failed", problems);
}

function evaluateAnyOf(evaluation: Evaluation, schemas: readonly Compiled[]): void {
  const problems: Problem[] = [];
  let matched = false;
  for (const schema of schemas) {
    const problem = evaluation.self(schema);
    if (problem !== undefined) problems.push(problem);
    else {
      matched = true;
      // the others count only for what they look at
      if (evaluation.unevaluated === undefined || evaluation.unevaluated.size === 0) break;
    }
  }
  if (!matched) evaluation.report("'anyOf' failed", problems);
}

function evaluateOneOf(evaluation: Evaluation, schemas: readonly Compiled[]): void {
  const problems: Problem[] = [];
  let matched: number | undefined;
  for (const [i, schema] of schemas.entries()) {
    const problem = evaluation.self(schema, matched !== undefined);
    if (problem !== undefined) problems.push(problem);
    else if (matched === undefined) matched = i;
    else {
      evaluation.report(`'oneOf' failed, subschemas ${matched}, ${i} matched`);
      return;
    }
  }
  if (matched === undefined) evaluation.report("'oneOf' failed, none matched", problems);
}
