import type { Value } from "../template/index.ts";
import type { Evaluation } from "./evaluation.ts";
import { inEnglish, inQuotes } from "./problem.ts";

export function evaluateObject(evaluation: Evaluation): void {
  const { schema, quiet } = evaluation;
  const object = evaluation.value as ReadonlyMap<string, Value>;
  const { minProperties, maxProperties, required = [] } = schema;
  if (minProperties !== undefined && object.size < minProperties) {
    evaluation.report(`minProperties: got ${inEnglish(object.size)}, want ${inEnglish(minProperties)}`);
  }
  if (maxProperties !== undefined && object.size > maxProperties) {
    evaluation.report(`maxProperties: got ${inEnglish(object.size)}, want ${inEnglish(maxProperties)}`);
  }
  evaluation.check.spend(required.length);
  const missing = required.filter((name) => !object.has(name));
  if (missing.length > 0) {
    evaluation.report(`missing ${missing.length === 1 ? "property" : "properties"} ${listed(missing)}`);
  }
  if (quiet && !evaluation.fitsSoFar) return;
  evaluateDependencies(evaluation, object, schema.dependencies);
  evaluateProperties(evaluation, object);
  evaluateNames(evaluation, object);
  evaluateDependencies(evaluation, object, schema.dependentSchemas);
  evaluateDependencies(evaluation, object, schema.dependentRequired);
}

function evaluateProperties(evaluation: Evaluation, object: ReadonlyMap<string, Value>): void {
  const { properties, patternProperties = [], additionalProperties } = evaluation.schema;
  const forbidden: string[] = [];
  for (const [name, value] of object) {
    if (evaluation.quiet && !evaluation.fitsSoFar) return;
    evaluation.check.spend(1 + patternProperties.length);
    const own = properties?.get(name);
    const matching = patternProperties.filter(([pattern]) => pattern.test(name)).map(([, schema]) => schema);
    const schemas = own === undefined ? matching : [own, ...matching];
    for (const schema of schemas) evaluation.add(evaluation.within(schema, value, name));
    if (schemas.length === 0) {
      if (additionalProperties === undefined) continue;
      if (additionalProperties.always === false) forbidden.push(name);
      else evaluation.add(evaluation.within(additionalProperties, value, name));
    }
    evaluation.unevaluated?.delete(name);
  }
  if (forbidden.length > 0) evaluation.report(`additional properties ${listed(forbidden)} not allowed`);
}

function evaluateNames(evaluation: Evaluation, object: ReadonlyMap<string, Value>): void {
  const { propertyNames } = evaluation.schema;
  if (propertyNames === undefined) return;
  for (const name of object.keys()) {
    const problem = evaluation.within(propertyNames, name, name);
    if (problem === undefined) continue;
    evaluation.report(`invalid propertyName ${inQuotes(name)}`, problem.kind === "group" ? problem.causes : [problem]);
  }
}

function evaluateDependencies(
  evaluation: Evaluation,
  object: ReadonlyMap<string, Value>,
  dependencies: Evaluation["schema"]["dependencies"] = new Map(),
): void {
  for (const [name, needed] of dependencies) {
    evaluation.check.spend(1);
    if (!object.has(name)) continue;
    if (!isNames(needed)) {
      evaluation.add(evaluation.self(needed));
      continue;
    }
    const missing = needed.filter((other) => !object.has(other));
    if (missing.length > 0) {
      evaluation.report(`properties ${listed(missing)} required, if ${inQuotes(name)} exists`);
    }
  }
}

const isNames = (needed: unknown): needed is readonly string[] => Array.isArray(needed);

const listed = (names: readonly string[]): string => names.map(inQuotes).join(", ");
