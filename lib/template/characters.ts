/** The codes of characters that mean something in an action. */
export const Code = {
  lineFeed: 10,
  doubleQuote: 34,
  dollar: 36,
  singleQuote: 39,
  leftParenthesis: 40,
  rightParenthesis: 41,
  plus: 43,
  comma: 44,
  minus: 45,
  dot: 46,
  zero: 48,
  nine: 57,
  colon: 58,
  equals: 61,
  backslash: 92,
  underscore: 95,
  backquote: 96,
  pipe: 124,
  rightBrace: 125,
} as const;

export const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 9 || code === 13;
export const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
export const isDigit = (code: number): boolean => code >= Code.zero && code <= Code.nine;
export const isTerminator = (code: number): boolean =>
  code === Code.dot ||
  code === Code.leftParenthesis ||
  code === Code.rightParenthesis ||
  code === Code.pipe ||
  code === Code.comma ||
  code === Code.colon;
const word = /[\p{L}\p{Nd}_]*/uy;

/** Where a run of letters, digits and underscores ends. */
export function wordEnd(text: string, start: number): number {
  let end = start;
  let code = text.charCodeAt(end);
  while (isLetter(code) || isDigit(code) || code === Code.underscore) {
    end++;
    code = text.charCodeAt(end);
  }
  return code > 127 ? endOf(word, text, end) : end;
}

/** Where a sticky pattern that may match nothing ends. */
export function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : start;
}
