/** Begin and end of a mark that stands for an action: characters that YAML allows and that no manifest uses. */
const [OPEN, CLOSE] = ["\ue000", "\ue001"];

/** An action that prints nothing itself. */
const CONTROL = /^\{\{-?\s*(?:(?:if|else|end|range|with|define|block|break|continue)\b|\/\*|\$\w*\s*:?=)/;

/** A text whose template actions are marks, so that it can be read as YAML. */
export interface Unfilled {
  readonly text: string;
  /** Give a text its actions back. */
  restore(text: string): string;
}

/**
 * Read a template without running it. Lines with nothing but actions become comments, so every branch stays and block
 * scalars keep their indentation. Inside a line an action that prints becomes a mark, others go. So what is written out is
 * still there, and what is computed can be told by its mark.
 */
export function withoutActions(text: string): Unfilled {
  const actions: string[] = [];
  const onlyActions = new RegExp(`^([ \\t]*)(?:${OPEN}\\d+${CLOSE}[ \\t]*)+$`, "gm");
  const marks = new RegExp(`${OPEN}(\\d+)${CLOSE}`, "g");
  const marked = marksFor(text, actions)
    .replaceAll(onlyActions, "$1#")
    .replaceAll(marks, (mark, i) => (CONTROL.test(actions[Number(i)]!) ? "" : mark));
  return { text: marked, restore: (part) => part.replaceAll(marks, (_, i) => actions[Number(i)] ?? "") };
}

/** Whether a text may hold template actions. */
export const hasActions = (text: string): boolean => text.includes("{{") && text.includes("}}");

/** The text with a mark for each action, from `{{` to the next `}}` (https://pkg.go.dev/text/template#hdr-Actions). */
function marksFor(text: string, actions: string[]): string {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf("{{", at);
    const close = open < 0 ? -1 : text.indexOf("}}", open + 2);
    if (close < 0) return parts.join("") + text.slice(at);
    parts.push(text.slice(at, open), `${OPEN}${actions.push(text.slice(open, close + 2)) - 1}${CLOSE}`);
    at = close + 2;
  }
}
