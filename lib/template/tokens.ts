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
  string: 17,
  text: 18,
  variable: 19,
  keyword: 20,
  block: 21,
  break: 22,
  continue: 23,
  dot: 24,
  define: 25,
  else: 26,
  endKeyword: 27,
  if: 28,
  nil: 29,
  range: 30,
  template: 31,
  with: 32,
} as const;

export type TokenKind = (typeof Token)[keyof typeof Token];
