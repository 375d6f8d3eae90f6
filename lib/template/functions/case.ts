import { changeCase, isSpace, lower, upper } from "./conversion.ts";

const isUpper = (char: string): boolean => /^\p{Lu}/u.test(char);
const isLetter = (char: string): boolean => /^\p{L}/u.test(char);
const isPunctuation = (char: string): boolean => /^\p{P}/u.test(char);
const isNumber = (char: string): boolean => /^\p{N}/u.test(char);
const isConnector = (char: string): boolean => char === "-" || char === "_" || isSpace(char);

/** Title case of every word; ASCII signs other than the underscore end one, beyond ASCII only spaces do. (strings.Title) */
export function title(text: string): string {
  let previous = " ";
  let result = "";
  for (const char of text) {
    result += endsWord(previous) ? changeCase(char, upper) : char;
    previous = char;
  }
  return result;
}

const endsWord = (char: string): boolean =>
  char <= "\x7f" ? !/^[A-Za-z0-9_]/.test(char) : !isLetter(char) && !/^\p{Nd}/u.test(char) && isSpace(char);

/** Lower case for the first letter of every word between spaces. (goutils.Uncapitalize) */
export function untitle(text: string): string {
  let atStart = true;
  let result = "";
  for (const char of text) {
    const space = isSpace(char);
    result += atStart && !space ? changeCase(char, lower) : char;
    atStart = space;
  }
  return result;
}

/** Swaps upper and lower case. (goutils.SwapCase) */
export function swapCase(text: string): string {
  let result = "";
  for (const char of text) result += isUpper(char) ? changeCase(char, lower) : changeCase(char, upper);
  return result;
}

/** The first byte of every word between spaces. (goutils.Initials, which reads bytes as characters) */
export function initials(text: string): string {
  let atStart = true;
  let result = "";
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    const space = isSpace(char);
    if (atStart && !space) result += char;
    atStart = space;
  }
  return result;
}

/** Removes all spaces; beyond ASCII it mangles, since bytes are read as characters. (goutils.DeleteWhiteSpace) */
export function withoutSpaces(text: string): string {
  const chars = [...Buffer.from(text)].map((byte) => String.fromCharCode(byte));
  const kept = chars.filter((char) => !isSpace(char));
  return kept.length === chars.length ? text : kept.join("");
}

/** `http_server` becomes `HttpServer`; connectors at the front stay. (xstrings.ToPascalCase) */
export function pascalCase(text: string): string {
  const chars = [...text];
  let at = 0;
  while (at < chars.length && isConnector(chars[at]!)) at++;
  let result = chars.slice(0, at).join("");
  // of nothing but connectors the last one comes twice
  if (at === chars.length) return result + (chars.at(-1) ?? "");
  let lowering = isUpper(chars[at]!);
  let current = changeCase(chars[at]!, upper);
  for (at++; at < chars.length; at++) {
    const previous = current;
    current = chars[at]!;
    if (isConnector(current) && isConnector(previous)) {
      result += previous;
      continue;
    }
    if (isConnector(previous)) {
      lowering = isUpper(current);
      current = changeCase(current, upper);
      continue;
    }
    if (lowering && isUpper(current)) current = changeCase(current, lower);
    else lowering = false;
    result += previous;
  }
  return result + current;
}

type WordKind = "none" | "number" | "upper" | "letters" | "connector" | "punctuation" | "other";
interface Word {
  readonly kind: WordKind;
  readonly text: string;
}

/** The words of camel case, and what is between them, each with its kind. (xstrings' nextWord) */
class Words {
  readonly #chars: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#chars = [...text];
  }

  get done(): boolean {
    return this.#at >= this.#chars.length;
  }

  next(): Word {
    const start = this.#at;
    const kind = this.#read();
    return { kind, text: this.#chars.slice(start, this.#at).join("") };
  }

  #read(): WordKind {
    if (this.done) return "none";
    const first = this.#chars[this.#at++]!;
    if (isConnector(first)) return this.#while(isConnector, "connector");
    if (isPunctuation(first)) return this.#while(isPunctuation, "punctuation");
    if (isUpper(first)) return this.#upper();
    if (isLetter(first)) return this.#while((char) => isLetter(char) && !isUpper(char), "letters");
    if (isNumber(first)) return this.#while(isNumber, "number");
    const other = (char: string): boolean =>
      !isConnector(char) && !isLetter(char) && !isNumber(char) && !isPunctuation(char);
    return this.#while(other, "other");
  }

  /** `HTTPServer` is `HTTP` and `Server`: the last of several capitals belongs to the letters behind it. */
  #upper(): WordKind {
    const second = this.#chars[this.#at];
    if (second === undefined || !isUpper(second))
      return this.#while((char) => isLetter(char) && !isUpper(char), "upper");
    this.#while(isUpper, "upper");
    if (!this.done && isLetter(this.#chars[this.#at]!)) this.#at--;
    return "upper";
  }

  #while(test: (char: string) => boolean, kind: WordKind): WordKind {
    while (!this.done && test(this.#chars[this.#at]!)) this.#at++;
    return kind;
  }
}

/**
 * `HTTPServer2xx` becomes `http_server_2xx` with `_` as connector. Numbers belong to the letters around them unless
 * more letters follow. (xstrings.ToSnakeCase, ToKebabCase)
 */
export function joinedWords(text: string, connector: "_" | "-"): string {
  if (text === "") return "";
  const words = new Words(text);
  let result = "";
  const put = (word: Word): void => {
    result += word.kind === "connector" ? connector.repeat([...word.text].length) : changeCase(word.text, lower);
  };
  const connect = (next: Word): void => {
    if (next.kind !== "connector" && next.kind !== "punctuation") result += connector;
  };
  const putRun = (word: Word): Word => {
    while (word.kind === "letters" || word.kind === "number") {
      put(word);
      word = words.next();
    }
    return word;
  };
  let word = words.next();
  while (!words.done) {
    if (word.kind !== "connector") put(word);
    const previous = word;
    word = words.next();
    if (previous.kind === "connector") put(previous);
    else if (previous.kind === "number") {
      word = putRun(word);
      if (word.kind !== "none") connect(word);
    } else if (previous.kind !== "punctuation") {
      if (word.kind !== "number") connect(word);
      else if (!words.done) {
        const number = word;
        word = words.next();
        if (word.kind === "letters") {
          result += connector;
          put(number);
          word = putRun(word);
          if (word.kind !== "none") connect(word);
        } else {
          put(number);
          connect(word);
        }
      }
    }
  }
  put(word);
  return result;
}
