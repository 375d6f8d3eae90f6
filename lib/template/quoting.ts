const graphic = /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u;

/** Whether Go takes a character as printable: a letter, mark, number, punctuation, symbol, or the ASCII space. */
export const isPrintable = (character: string): boolean => character === " " || graphic.test(character);

const shortEscapes: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

const plain = /^[ !#-[\]-~]*$/;

/** Writes a string as a Go literal, as strconv.Quote does; with `ascii`, as strconv.QuoteToASCII. */
export function quote(text: string, ascii = false): string {
  return plain.test(text) ? `"${text}"` : `"${escaped(text, '"', ascii)}"`;
}

/** Writes a character as a Go literal, as strconv.QuoteRune does. */
export const quoteCharacter = (character: string, ascii = false): string => `'${escaped(character, "'", ascii)}'`;

function escaped(text: string, delimiter: string, ascii: boolean): string {
  let result = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const surrogate = code >= 0xd800 && code < 0xe000;
    if (character === delimiter || character === "\\") result += `\\${character}`;
    else if (!surrogate && isPrintable(character) && (!ascii || code < 0x80)) result += character;
    else if (shortEscapes[character] !== undefined) result += shortEscapes[character];
    else if (code < 0x20 || code === 0x7f) result += `\\x${hex(code, 2)}`;
    else if (surrogate) result += ascii ? "\\ufffd" : "\ufffd";
    else result += code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  }
  return result;
}

const singleEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  "'": 39,
  '"': 34,
};

const escapeSequence = /\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

/**
 * Reads a Go string or character literal with its quotes: "…", `…` or '…' (strconv.Unquote).
 *
 * @returns undefined when it is not one
 */
export function unquote(literal: string): string | undefined {
  const delimiter = literal[0]!;
  const body = literal.slice(1, -1);
  if (delimiter === "`") return body.replaceAll("\r", "");
  if (!body.includes("\\")) return body;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    const backslash = body.indexOf("\\", at);
    if (backslash !== at) {
      const end = backslash < 0 ? body.length : backslash;
      pieces.push(Buffer.from(body.slice(at, end)));
      at = end;
      continue;
    }
    escapeSequence.lastIndex = at;
    const bytes = bytesOf(escapeSequence.exec(body), delimiter);
    if (bytes === undefined) return undefined;
    pieces.push(bytes);
    at = escapeSequence.lastIndex;
  }
  return Buffer.concat(pieces).toString();
}

function bytesOf(match: RegExpExecArray | null, delimiter: string): Uint8Array | undefined {
  if (match === null) return undefined;
  const [, single, hexByte, octalByte, short, long] = match;
  if (single !== undefined) {
    const foreignQuote = (single === "'" || single === '"') && single !== delimiter;
    return foreignQuote ? undefined : Uint8Array.of(singleEscapes[single]!);
  }
  if (hexByte !== undefined) return Uint8Array.of(Number.parseInt(hexByte, 16));
  if (octalByte !== undefined) {
    const byte = Number.parseInt(octalByte, 8);
    return byte > 255 ? undefined : Uint8Array.of(byte);
  }
  const code = Number.parseInt((short ?? long)!, 16);
  const invalid = code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
  return invalid ? undefined : Buffer.from(String.fromCodePoint(code));
}
