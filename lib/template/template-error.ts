import { RejectedError } from "../errors.ts";

/** Where in a template: the name it was parsed under, the line from 1, the column in bytes from 0, as Go counts. */
export interface Place {
  readonly name: string;
  readonly line: number;
  readonly column: number;
}

/** A message may quote templates that quote templates; beyond this only its two ends are kept. */
const maxMessage = 16_384;

/**
 * A template cannot be parsed, or failed while it was executed. The message is Go's, with every template it came
 * through: `template: a/templates/x.yaml:3:7: executing "a/templates/x.yaml" at <.Values.a.b>: nil pointer evaluating
 * interface {}.b`. The place is the innermost one.
 */
export class TemplateError extends RejectedError {
  readonly place: Place;
  /** What failed there, without the places: `nil pointer evaluating interface {}.b`. */
  readonly reason: string;

  constructor(message: string, place: Place, reason: string, options: ErrorOptions = {}) {
    super("TEMPLATE_INVALID", shorten(message), options);
    this.place = place;
    this.reason = shorten(reason);
  }
}

/** A template error with words before its message; any other error as it is. */
export function explained(words: string, error: unknown): unknown {
  if (!(error instanceof TemplateError)) return error;
  return new TemplateError(`${words}: ${error.message}`, error.place, error.reason, { cause: error });
}

function shorten(message: string): string {
  if (message.length <= maxMessage) return message;
  const half = maxMessage / 2;
  return `${message.slice(0, half)} … ${message.slice(-half)}`;
}

/** The place of an offset in a template's text. */
export function placeOf(name: string, text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { name, line: lineOf(text, offset), column: Buffer.byteLength(before.slice(lineStart)) };
}

/** The line of an offset, counted from 1. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
