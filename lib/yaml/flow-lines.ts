import { type Event, parseEvents, YAMLException } from "js-yaml";

/** Characters that may be parsed again for lines that had to be indented; hostile texts have thousands of such lines. */
const maxReparsed = 64 * 1024 * 1024;

/**
 * Parses YAML whose flow collections and quoted texts may go on at any column, as go-yaml takes them:
 *
 * ```yaml
 * args: [
 *   a,
 * ]
 * ```
 *
 * YAML wants the last line indented, and js-yaml insists on it. The white space at the beginning of such a line means
 * nothing, so the line is indented and the text parsed again.
 *
 * @returns the events, and the text to which their positions belong: it has the same lines
 * @throws YAMLException
 */
export function parseLenient(text: string, maxDepth: number): { readonly source: string; readonly events: Event[] } {
  let source = text;
  let left = maxReparsed;
  let blanks: string | undefined;
  for (;;) {
    try {
      return { source, events: parseEvents(source, { maxDepth }) };
    } catch (error) {
      left -= source.length;
      // js-yaml tells its errors apart by their texts only; the pinned version is tested for this one
      if (!(error instanceof YAMLException && error.reason === "deficient indentation" && left > 0)) throw error;
      const start = source.lastIndexOf("\n", error.mark!.position - 1) + 1;
      // deeper than anything the line can be in; where even many times that does not help, nothing will
      blanks ??= " ".repeat(deepestIndent(text) + 1);
      if (source.startsWith(blanks.repeat(10), start)) throw error;
      source = `${source.slice(0, start)}${blanks}${source.slice(start)}`;
    }
  }
}

/** Columns of the line that is indented deepest. */
function deepestIndent(text: string): number {
  let deepest = 0;
  for (const [blanks] of text.matchAll(/^ +/gm)) deepest = Math.max(deepest, blanks.length);
  return deepest;
}
