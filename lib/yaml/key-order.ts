/** Compares as Go does, by the bytes of UTF-8: other than `<` for characters beyond the basic plane. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return byteOrder(x) - byteOrder(y);
  }
  return a.length - b.length;
}

/** Moves surrogates, which are four bytes in UTF-8, behind all other code units. */
const byteOrder = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

export type KeyOrder = (a: string, b: string) => number;

const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57;
const letter = /^\p{L}/u;
const isLetter = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at);
  if (unit < 128) return (unit | 32) >= 97 && (unit | 32) <= 122;
  return letter.test(String.fromCodePoint(text.codePointAt(at)!));
};

/**
 * The order in which go-yaml writes the keys of a map: numbers within keys count as numbers (`a2` before `a10`), and
 * letters come after everything else; version 3 puts them before when digits precede. (sorter.go of go-yaml v2 and v3)
 */
function naturalOrder(a: string, b: string, lettersFirstAfterDigits: boolean): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === length) return a.length - b.length;
  const [letterA, letterB] = [isLetter(a, at), isLetter(b, at)];
  if (letterA && letterB) return compareUtf8(a, b);
  if (letterA || letterB) {
    const afterDigit = lettersFirstAfterDigits && at > 0 && isDigit(a.charCodeAt(at - 1));
    return letterA === afterDigit ? -1 : 1;
  }
  const [numberA, numberB] = [digitsFrom(a, at), digitsFrom(b, at)];
  const prefix = (a[at] === "0" || b[at] === "0") && continuesNumber(a, at) ? 1n : 0n;
  const [valueA, valueB] = [BigInt(`${prefix}${numberA}`), BigInt(`${prefix}${numberB}`)];
  if (valueA !== valueB) return valueA < valueB ? -1 : 1;
  if (numberA.length !== numberB.length) return numberA.length - numberB.length;
  return compareUtf8(a, b);
}

/** Whether the digits before a position hold one that is not zero: zeros at the position then have a weight. */
function continuesNumber(text: string, at: number): boolean {
  for (let i = at - 1; i >= 0 && isDigit(text.charCodeAt(i)); i--) if (text[i] !== "0") return true;
  return false;
}

function digitsFrom(text: string, at: number): string {
  let end = at;
  while (end < text.length && isDigit(text.charCodeAt(end))) end++;
  return text.slice(at, end);
}

/** The order of go-yaml v2, in which toYaml writes. */
export const orderOfV2: KeyOrder = (a, b) => naturalOrder(a, b, false);

/** The order of go-yaml v3, in which toYamlPretty writes. */
export const orderOfV3: KeyOrder = (a, b) => naturalOrder(a, b, true);
