import { integerOf } from "../template/index.ts";
import type { Bound } from "./compiled.ts";
import type { Evaluation } from "./evaluation.ts";
import { isMultipleOf } from "./json-value.ts";
import { inEnglish, inQuotes } from "./problem.ts";

export function evaluateText(evaluation: Evaluation): void {
  const { minLength, maxLength, pattern } = evaluation.schema;
  const text = evaluation.value as string;
  evaluation.check.spend(Math.ceil(text.length / 64));
  if (minLength !== undefined || maxLength !== undefined) {
    const length = [...text].length;
    if (minLength !== undefined && length < minLength) {
      evaluation.report(`minLength: got ${inEnglish(length)}, want ${inEnglish(minLength)}`);
    }
    if (maxLength !== undefined && length > maxLength) {
      evaluation.report(`maxLength: got ${inEnglish(length)}, want ${inEnglish(maxLength)}`);
    }
  }
  if (pattern === undefined) return;
  evaluation.check.spend(Math.ceil((text.length * pattern.text.length) / 256));
  if (!pattern.regex.test(text)) {
    evaluation.report(`${inQuotes(text)} does not match pattern ${inQuotes(pattern.text)}`);
  }
}

const within = {
  minimum: (value: number | bigint, limit: number) => value >= limit,
  maximum: (value: number | bigint, limit: number) => value <= limit,
  exclusiveMinimum: (value: number | bigint, limit: number) => value > limit,
  exclusiveMaximum: (value: number | bigint, limit: number) => value < limit,
} as const satisfies Record<Bound["keyword"], unknown>;

export function evaluateNumber(evaluation: Evaluation): void {
  const { bounds = [], multipleOf } = evaluation.schema;
  const value = integerOf(evaluation.value) ?? (evaluation.value as number);
  for (const { keyword, limit } of bounds) {
    if (!within[keyword](value, limit))
      evaluation.report(`${keyword}: got ${inEnglish(value)}, want ${inEnglish(limit)}`);
  }
  if (multipleOf !== undefined && !isMultipleOf(value, multipleOf)) {
    evaluation.report(`multipleOf: got ${inEnglish(value)}, want ${inEnglish(multipleOf)}`);
  }
}
