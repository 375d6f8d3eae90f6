import { isUtf8 } from "node:buffer";
import {
  type DefectName,
  judgeLine,
  type ListedImage,
  type ListRules,
  listDefects,
  MAX_IMAGES,
  MAX_LINE_BYTES,
  nameOf,
  proposeLine,
} from "./list-line.ts";

/** One list, wherever it lies. */
export interface ListInput {
  /** How reports call it. */
  readonly file: string;
  open(signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** Something wrong with one line. A line may have several. */
export interface ListDefect {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** As it stands there, without the line break; the beginning of a very long one. */
  readonly text: string;
  readonly defect: DefectName;
  readonly severity: "warning" | "error";
  /** A line that may have been meant, and would be accepted. */
  readonly proposal?: string;
}

/** What the lists of one run say. */
export interface ImageList {
  /** Each once, in the order of their first mention; at most 50,000. */
  readonly images: readonly ListedImage[];
  /** In the order of files and lines; at most 1,000 of each severity. */
  readonly defects: readonly ListDefect[];
  /** How many there are altogether. Lists with errors must not be used. */
  readonly errors: number;
  readonly warnings: number;
}

const MAX_DEFECTS = 1000;
const MAX_TEXT = 200;

/**
 * Read image lists as one. Empty lines and lines that begin with `#` are skipped. The text streams: memory depends on
 * the number of images only.
 *
 * @throws whatever the inputs throw; defects of lines are reported, not thrown
 */
export async function readLists(
  inputs: readonly ListInput[],
  rules: ListRules,
  signal?: AbortSignal,
): Promise<ImageList> {
  const reader = new ListReader(rules);
  for (const input of inputs) {
    signal?.throwIfAborted();
    reader.begin(input.file);
    for await (const lines of linesOf(await input.open(signal))) for (const line of lines) reader.take(line);
    reader.end();
  }
  return reader.finish();
}

interface Line {
  /** Without the line break; cut behind {@linkcode MAX_LINE_BYTES}. */
  readonly bytes: Buffer;
  /** Whether a line break followed. */
  readonly ended: boolean;
}

/** Lines as chunks complete them. What comes behind the longest line that is allowed is dropped. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  let rest: Buffer = Buffer.alloc(0);
  const clip = (bytes: Buffer): Buffer => bytes.subarray(0, MAX_LINE_BYTES + 1);
  for await (const chunk of chunks) {
    const data = Buffer.concat([rest, chunk]);
    const lines: Line[] = [];
    let start = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, start)) {
      lines.push({ bytes: clip(data.subarray(start, end)), ended: true });
      start = end + 1;
    }
    rest = Buffer.from(clip(data.subarray(start)));
    yield lines;
  }
  if (rest.byteLength > 0) yield [{ bytes: rest, ended: false }];
}

class ListReader {
  readonly #rules: ListRules;
  readonly #images = new Map<string, ListedImage>();
  readonly #defects: ListDefect[] = [];
  readonly #counts = { error: 0, warning: 0 };
  /** Where the reader is. */
  #file = "";
  #line = 0;
  #text = "";
  /** How many lines of the file should name an image. */
  #mentions = 0;
  #full = false;

  constructor(rules: ListRules) {
    this.#rules = rules;
  }

  begin(file: string): void {
    this.#file = file;
    this.#line = 0;
    this.#mentions = 0;
  }

  take({ bytes, ended }: Line): void {
    this.#line += 1;
    this.#text = bytes.toString("utf8");
    if (!ended) this.#report("missing-final-newline");
    const marked = this.#line === 1 && this.#text.startsWith("\ufeff");
    if (marked) this.#report("byte-order-mark");
    const { leading, line, trailing } = trim(marked ? this.#text.slice(1) : this.#text);
    if (line.startsWith("#")) return;
    if (bytes.byteLength <= MAX_LINE_BYTES && line === "") return;
    this.#mentions += 1;
    if (bytes.byteLength > MAX_LINE_BYTES) this.#report("too-long");
    else if (!isUtf8(bytes)) this.#report("not-utf8");
    else {
      if (leading !== "") this.#report("leading-blank");
      if (/[ \t]/.test(trailing)) this.#report("trailing-blank");
      if (trailing.includes("\r")) this.#report("carriage-return");
      const judged = judgeLine(line, this.#rules);
      if ("image" in judged) this.#add(judged.image);
      else this.#report(judged.defect, line);
    }
  }

  end(): void {
    this.#text = "";
    this.#line ||= 1;
    if (this.#mentions === 0) this.#report("no-images");
  }

  finish(): ImageList {
    if (this.#images.size === 0 && this.#counts.error === 0) this.#report("empty");
    const { error: errors, warning: warnings } = this.#counts;
    return { images: [...this.#images.values()], defects: this.#defects, errors, warnings };
  }

  #add(image: ListedImage): void {
    const name = nameOf(image);
    const known = this.#images.get(name);
    if (known !== undefined) {
      const same = known.registry === image.registry && known.digest === image.digest;
      this.#report(same ? "duplicate" : "same-name");
    } else if (this.#images.size < MAX_IMAGES) {
      this.#images.set(name, image);
    } else if (!this.#full) {
      this.#full = true;
      this.#report("too-many-images");
    }
  }

  /** @param line what a proposal may be made for */
  #report(defect: DefectName, line?: string): void {
    const { severity } = listDefects[defect];
    this.#counts[severity] += 1;
    if (this.#counts[severity] > MAX_DEFECTS) return;
    const proposal = line === undefined ? undefined : proposeLine(line, this.#rules);
    this.#defects.push({
      file: this.#file,
      line: this.#line,
      text: this.#text.replace(/\r$/, "").slice(0, MAX_TEXT),
      defect,
      severity,
      ...(proposal === undefined ? {} : { proposal }),
    });
  }
}

/** Blanks at both ends of a line; a carriage return is one at its end. */
function trim(text: string): { readonly leading: string; readonly line: string; readonly trailing: string } {
  let start = 0;
  let end = text.length;
  while (start < end && " \t".includes(text.charAt(start))) start += 1;
  while (end > start && " \t\r".includes(text.charAt(end - 1))) end -= 1;
  return { leading: text.slice(0, start), line: text.slice(start, end), trailing: text.slice(end) };
}

/** One line for people. What cannot be seen, or looks like something else, is shown by its number. */
export function describeDefect({ file, line, text, defect, proposal }: ListDefect): string {
  const shown = text.replaceAll(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  const about = shown === "" ? "" : ` "${shown}"`;
  const advice = proposal === undefined ? "" : `; perhaps "${proposal}"`;
  return `${file.replaceAll(/\p{C}/gu, "?")}:${line}:${about} ${listDefects[defect].meaning}${advice}`;
}
