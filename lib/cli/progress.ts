import type { WriteStream } from "node:tty";
import type { Progress } from "../oci/index.ts";
import type { Surroundings } from "./verb.ts";

/** One line on the terminal that standard error is, if it is one, that says how copies go on. */
export interface ProgressLine extends Disposable {
  /** Takes what a transfer tells. */
  readonly onProgress: (progress: Progress) => void;
  /** One of the images has ended. */
  imageDone(succeeded: boolean): void;
  /** Write a line of text to standard error, terminal or not: above the one that is being shown. */
  say(text: string): void;
}

export interface ProgressOptions {
  /** How many images there will be; left out of the line where it is not said. */
  readonly images?: number | undefined;
  /** Milliseconds; only ever more. */
  readonly now?: () => number;
}

const REDRAW_MS = 200;
/** The rate is that of the last seconds. */
const RATE_OVER_MS = 5000;
/** Where a terminal does not tell its width, or says 0. */
const COLUMNS = 80;
/** Back to the beginning of the line, and nothing behind it: ECMA-48, CR and EL. */
const ERASE = "\r\u001b[K";

/** Begin to show progress, until disposal. A terminal that does not keep up is left alone: copies never wait for it. */
export function showProgress(
  { stderr, env }: Pick<Surroundings, "stderr" | "env">,
  { images, now = () => performance.now() }: ProgressOptions = {},
): ProgressLine {
  const screen: Surroundings["stderr"] & Partial<Pick<WriteStream, "isTTY" | "columns">> = stderr;
  const isTerminal = screen.isTTY === true && env["TERM"] !== "dumb";
  const tally = new Tally(now);
  let shown = false;
  const erase = (): void => {
    if (shown) screen.write(ERASE);
    shown = false;
  };
  const draw = (): void => {
    if (screen.writableNeedDrain) return;
    screen.write(`${ERASE}${tally.describe(images).slice(0, (screen.columns || COLUMNS) - 1)}`);
    shown = true;
  };
  const timer = isTerminal ? setInterval(draw, REDRAW_MS).unref() : undefined;
  return {
    onProgress: isTerminal ? (progress) => tally.note(progress) : () => {},
    imageDone: (succeeded) => tally.imageDone(succeeded),
    say(text) {
      erase();
      screen.write(`${text}\n`);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      erase();
    },
  };
}

/** What one copy has announced and not yet brought. */
interface Open {
  bytes: number;
  /** How far the blobs are that are moving, by digest. */
  readonly moving: Map<string, number>;
}

/** Adds up what the copies of a transfer tell. */
class Tally {
  readonly #now: () => number;
  readonly #copies = new Map<Progress["copy"], Open>();
  readonly #ended = { succeeded: 0, failed: 0 };
  /** Bytes that need not move, or will not, are not among them. */
  #known = 0;
  #moved = 0;
  /** Bytes that went over the line, those of broken transfers included. */
  #transferred = 0;
  #samples: { readonly at: number; readonly transferred: number }[];

  constructor(now: () => number) {
    this.#now = now;
    this.#samples = [{ at: now(), transferred: 0 }];
  }

  imageDone(succeeded: boolean): void {
    this.#ended[succeeded ? "succeeded" : "failed"] += 1;
  }

  note(progress: Progress): void {
    const { copy } = progress;
    let open = this.#copies.get(copy);
    if (open === undefined) {
      open = { bytes: 0, moving: new Map() };
      this.#copies.set(copy, open);
    }
    switch (progress.step) {
      case "planned":
        open.bytes += progress.bytes;
        this.#known += progress.bytes;
        break;
      case "moving":
        this.#advance(open, progress.descriptor.digest, progress.bytes);
        break;
      case "arrived": {
        const { digest, size } = progress.descriptor;
        const written = progress.outcome === "written";
        this.#advance(open, digest, written ? size : 0);
        open.moving.delete(digest);
        open.bytes -= size;
        if (!written) this.#known -= size;
        break;
      }
      default:
        // what was announced and did not come is not waited for any longer
        this.#known -= open.bytes;
        for (const bytes of open.moving.values()) this.#moved -= bytes;
        this.#copies.delete(copy);
    }
  }

  #advance({ moving }: Open, digest: string, bytes: number): void {
    const before = moving.get(digest) ?? 0;
    moving.set(digest, bytes);
    this.#moved += bytes - before;
    // less than before: it began again
    this.#transferred += bytes < before ? bytes : bytes - before;
  }

  describe(images: number | undefined): string {
    const rate = this.#rate();
    const { succeeded, failed } = this.#ended;
    const parts = [];
    if (images !== undefined) parts.push(`${succeeded + failed} of ${images} images`);
    if (failed > 0) parts.push(`${failed} failed`);
    if (this.#known > 0)
      parts.push(`${formatBytes(this.#moved)} of ${formatBytes(this.#known)}`, `${formatBytes(rate)}/s`);
    return parts.join(", ");
  }

  /** Bytes a second, since it was asked for some seconds ago. */
  #rate(): number {
    const at = this.#now();
    this.#samples = this.#samples.filter((sample) => at - sample.at <= RATE_OVER_MS);
    this.#samples.push({ at, transferred: this.#transferred });
    const [first] = this.#samples;
    const seconds = (at - first!.at) / 1000;
    return seconds === 0 ? 0 : (this.#transferred - first!.transferred) / seconds;
  }
}

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** In decimal units, with one digit behind the point: `1.5 GB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${power === 0 ? Math.round(bytes) : (bytes / 1000 ** power).toFixed(1)} ${UNITS[power]}`;
}
