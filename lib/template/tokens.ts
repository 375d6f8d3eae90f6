/** Kinds of tokens. Those above `keyword` are keywords; a message shows them in angle brackets. */
export const Token = {
  error: 0,
  bool: 1,
  character: 2, // a comma, or another printable character that nothing takes
  characterConstant: 3,
  complex: 4,
  assign: 5,
  declare: 6,
  end: 7, // of the text
  field: 8,
  identifier: 9,
  leftDelimiter: 10,
  leftParenthesis: 11,
  number: 12,
  pipe: 13,
  rawString: 14,
  rightDelimiter: 15,
  rightParenthesis: 16,
  space: 17,
  string: 18,
  text: 19,
  variable: 20,
  keyword: 21,
  block: 22,
  break: 23,
  continue: 24,
  dot: 25,
  define: 26,
  else: 27,
  endKeyword: 28,
  if: 29,
  nil: 30,
  range: 31,
  template: 32,
  with: 33,
} as const;

export type TokenKind = (typeof Token)[keyof typeof Token];

export interface LexedToken {
  readonly kind: TokenKind;
  readonly start: number;
  /** Its characters in the text; for an error, the message. */
  readonly text: string;
}
