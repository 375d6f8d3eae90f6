import { TemplateError } from "../../template/index.ts";
import { Refusal, refusalOf } from "./refusal.ts";

/** Something for which helm would refuse the chart. */
export interface RenderFailure {
  /** The template it happened in; none where it is the whole chart's affair. */
  readonly template?: string;
  /** The innermost place, where one is known: it may lie in another template, which was included. */
  readonly place?: { readonly name: string; readonly line: number; readonly column: number };
  readonly reason: string;
}

/** What failed so far; the first one is thrown where nothing may. */
export class Failures {
  readonly tolerated: boolean;
  readonly all: RenderFailure[] = [];

  constructor(tolerated: boolean) {
    this.tolerated = tolerated;
  }

  /** @throws the error, unless it is a failure of the chart and failures are tolerated */
  add(error: unknown, template?: string): void {
    const refusal = refusalOf(error, error instanceof Refusal ? template : undefined);
    if (!this.tolerated || !(refusal instanceof Refusal)) throw refusal;
    this.all.push({
      ...(template === undefined ? {} : { template }),
      ...(error instanceof TemplateError ? { place: error.place } : {}),
      reason: refusal.message,
    });
  }

  /** @returns what `run` gives; undefined when it failed */
  collect<T>(template: string | undefined, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.add(error, template);
      return undefined;
    }
  }
}
