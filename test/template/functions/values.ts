/** The values that the expressions see as `.v`. */
export const valuesYaml = String.raw`v:
  false: nope
  zero: 0
  int: 42
  big: 123456789
  float: 1.5
  tiny: 0.00001
  huge: 1e30
  million: 1000000
  text: plain text
  quoted: "yes"
  number: "010"
  date: "2001-01-01"
  colon: "a: b"
  long: lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore
  longQuoted: "lorem: ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut # labore et"
  multi: "line 1\nline 2\n"
  keep: "x\n\n"
  strip: "x\ny"
  indented: "  x\ny"
  tabbed: "x\n\ty"
  unicode: "é 😀"
  nothing: null
  yes: true
  list: [a, b, 1]
  emptyList: []
  emptyMap: {}
  map: {a: 1, nested: {deep: [1, {x: y}]}, a10: 1, a2: 2, "1": one}
`;
