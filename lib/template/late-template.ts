import type { FunctionTable } from "./function-table.ts";
import { type ParsedTemplate, parseText } from "./parser.ts";

/** A text that defines no template besides the one it is (see {@linkcode mayDefine}). */
export interface LateSource {
  /** As of any other source: `chart/templates/service.yaml` */
  readonly name: string;
  /** The text; not asked for before it is needed, and then once or twice. */
  read(): string;
}

/**
 * A template that is parsed when it is executed. Most are executed once, and what was made of their text is let go then: it
 * would be the largest part of what a render holds. Who is asked for again is kept.
 */
export class LateTemplate {
  readonly #source: LateSource;
  readonly #functions: FunctionTable;
  #parsed: ParsedTemplate | undefined;
  #wasParsed = false;

  constructor(source: LateSource, functions: FunctionTable) {
    this.#source = source;
    this.#functions = functions;
  }

  get name(): string {
    return this.#source.name;
  }

  /** @throws TemplateError when it cannot be parsed */
  parsed(): ParsedTemplate {
    if (this.#parsed !== undefined) return this.#parsed;
    const { name } = this.#source;
    const source = { name, text: this.#source.read() };
    const { root } = parseText(source, this.#functions);
    const parsed = { name, source, root };
    if (this.#wasParsed) this.#parsed = parsed;
    this.#wasParsed = true;
    return parsed;
  }

  /** @throws TemplateError when it cannot be parsed, unless it was parsed before */
  check(): void {
    if (!this.#wasParsed) this.parsed();
  }
}

const definitions = ["define", "block"] as const;

/** Whether a text may define templates besides the one it is: it has a word that does. @param bytes UTF-8 */
export function mayDefine(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return definitions.some((word) => text.includes(word));
}
