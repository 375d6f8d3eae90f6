import type { Value } from "../template/index.ts";
import { readJson } from "../yaml/index.ts";
import type { Compiled } from "./compiled.ts";
import { Compiler } from "./compiler.ts";
import { Evaluation } from "./evaluation.ts";
import { problemText } from "./problem.ts";
import { SchemaDocument } from "./schema-document.ts";

/** Schemas for the values of charts have some hundred kilobytes at most. */
const LIMITS = { length: 5 * 1024 * 1024, depth: 500, nodes: 1_000_000 } as const;

/** Counts work; throws where it has become too much. */
export type Spend = (operations: number) => void;

/**
 * A JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12 (the last one where it names none), that decides and speaks as the
 * validator of helm 4.1.4 does: github.com/santhosh-tekuri/jsonschema v6.0.2.
 *
 * It is interpreted: schemas come with charts from anywhere, so no code is made of them, their regular expressions take
 * linear time, nothing is fetched, and every step is counted.
 */
export class JsonSchema {
  readonly #compiler: Compiler;
  readonly #compiled: Compiled;

  /** @throws SchemaError, YamlError: a text that is no schema, or refers to something that is not in it */
  constructor(text: string, spend: Spend) {
    this.#compiler = new Compiler(new SchemaDocument(readJson(text, LIMITS), spend));
    this.#compiled = this.#compiler.compile();
  }

  /** @returns what of the value does not fit, one line each; undefined when all does @throws SchemaError where it leads too deep */
  problemsOf(value: Value, spend: Spend): string | undefined {
    const problem = new Evaluation(this.#compiled, value, { compiler: this.#compiler, spend }).run();
    return problem && problemText(problem);
  }
}
