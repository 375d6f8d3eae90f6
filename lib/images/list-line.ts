import { RejectedError } from "../errors.ts";
import { isHost, parseReference, type Reference } from "../oci/index.ts";

/**
 * How the lines of a list spell images. Nothing in a list says so, and guessing would turn `release/lantern:v1` into an
 * image of Docker Hub: whoever names the list names its form.
 *
 * - `project`: `project/name:tag` without host, as release engineers keep them (OEM-11)
 * - `reference`: `host/path:tag` or with a digest, as `stowage images` prints them
 */
export type ListForm = "project" | "reference";

export interface ListRules {
  readonly form: ListForm;
  /** What the first part of a line of the form `project` may be; `*` allows all. */
  readonly projects: readonly string[];
}

/** An image as a list names it. Without host when the list has the form `project`. */
export type ListedImage = Omit<Reference, "registry"> & Partial<Pick<Reference, "registry">>;

/** The longest line that can hold an image has about 700. */
export const MAX_LINE_BYTES = 1024;
/** How many images the lists of one run may name: all of them are in memory at once. */
export const MAX_IMAGES = 50_000;

/**
 * What may be wrong with a line or a file (spec ST-1, OEM-T1). An error refuses all lists of a run; what a warning tells
 * of was repaired.
 */
export const listDefects = {
  "leading-blank": { severity: "warning", meaning: "begins with blanks" },
  "trailing-blank": { severity: "warning", meaning: "ends with blanks" },
  "carriage-return": { severity: "warning", meaning: "ends with a carriage return" },
  "byte-order-mark": { severity: "warning", meaning: "begins with a byte order mark" },
  "missing-final-newline": { severity: "warning", meaning: "is the last line and has no line break" },
  duplicate: { severity: "warning", meaning: "is in the lists more than once" },
  "no-images": { severity: "warning", meaning: "names no image" },
  empty: { severity: "error", meaning: "leaves the run without any image" },
  "stray-quote": { severity: "error", meaning: "holds a quotation mark" },
  "inner-blank": { severity: "error", meaning: "holds a blank" },
  "control-character": { severity: "error", meaning: "holds a control character" },
  "not-ascii": { severity: "error", meaning: "holds a character outside ASCII, perhaps one that only looks right" },
  "not-utf8": { severity: "error", meaning: "is not UTF-8" },
  "too-long": { severity: "error", meaning: `is longer than ${MAX_LINE_BYTES} bytes` },
  "slash-for-colon": { severity: "error", meaning: "has no tag, but a slash where its colon may belong" },
  "no-tag": { severity: "error", meaning: "has no tag" },
  "no-project": { severity: "error", meaning: "has no project" },
  "no-host": { severity: "error", meaning: "has no host, which references in full have" },
  "host-in-list": { severity: "error", meaning: "has a host, which a list of this form does not hold" },
  "unknown-project": { severity: "error", meaning: "belongs to a project that is not allowed" },
  "same-name": { severity: "error", meaning: "would have the same name at the target as another image of the lists" },
  "not-a-reference": { severity: "error", meaning: "is not an image reference" },
  "too-many-images": { severity: "error", meaning: `is one image more than ${MAX_IMAGES}` },
} as const satisfies Record<string, { readonly severity: "warning" | "error"; readonly meaning: string }>;

export type DefectName = keyof typeof listDefects;

/** What one line without its blanks means. */
export type Judgement = { readonly image: ListedImage } | { readonly defect: DefectName };

/** Quotation marks, straight and typographic. */
const QUOTES = /['"`\u2018-\u201f\u00ab\u00bb]/u;
/** `7.1-apache`, `v1`: what stands behind the last slash looks like a tag. */
const VERSION = /^v?\d+(?:[._-][^/:@]*)?$/i;
/** Stands in for the host that lines of the form `project` do not have. */
const ANY_HOST = "host.invalid";

/** Judge a line that is neither empty nor a comment. */
export function judgeLine(text: string, rules: ListRules): Judgement {
  if (QUOTES.test(text)) return { defect: "stray-quote" };
  if (text.includes(" ")) return { defect: "inner-blank" };
  if (/\p{Cc}/u.test(text)) return { defect: "control-character" };
  if (/[^\x20-\x7e]/.test(text)) return { defect: "not-ascii" };
  if (rules.form === "project" && hostOf(text, rules) !== undefined) return { defect: "host-in-list" };
  if (hasSlashForColon(text)) return { defect: "slash-for-colon" };
  let reference: Reference;
  try {
    reference = parseReference(rules.form === "project" ? `${ANY_HOST}/${text}` : text);
  } catch (error) {
    if (error instanceof RejectedError) return { defect: "not-a-reference" };
    throw error;
  }
  return rules.form === "project" ? judgeProject(reference, rules) : judgeReference(reference, text);
}

function judgeProject({ registry: _, ...image }: Reference, { projects }: ListRules): Judgement {
  if (image.tag === undefined) return { defect: "no-tag" };
  const [project = "", ...rest] = image.repository.split("/");
  if (rest.length === 0) return { defect: "no-project" };
  if (!projects.includes(project) && !projects.includes("*")) return { defect: "unknown-project" };
  return { image };
}

function judgeReference(image: Reference, text: string): Judgement {
  // without a host the reference is one of Docker Hub, which is too much of a guess
  if (!text.startsWith(`${image.registry}/`) && !text.startsWith("index.docker.io/")) return { defect: "no-host" };
  return image.tag === undefined && image.digest === undefined ? { defect: "no-tag" } : { image };
}

/** The host a line begins with, by Docker's rule; a project that is allowed by name is none. */
function hostOf(text: string, { projects }: ListRules): string | undefined {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const looksSo = /[.:[]/.test(first) || first === "localhost";
  return looksSo && isHost(first) && !projects.includes(first) ? first : undefined;
}

/** `library/php/7.1-apache`: at least two parts before something like a version, and no colon behind the last slash. */
const hasSlashForColon = (text: string): boolean =>
  text.split("/").length >= 3 && VERSION.test(text.slice(text.lastIndexOf("/") + 1));

/**
 * A line that may have been meant instead.
 *
 * @returns undefined when no simple repair leads to a line that has no defect
 */
export function proposeLine(text: string, rules: ListRules): string | undefined {
  // full-width letters and the like become what they look like; letters of other alphabets stay and have no proposal
  let guess = text
    .normalize("NFKC")
    .replaceAll(/\s+/gu, " ")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "")
    .replaceAll(new RegExp(QUOTES, "gu"), "")
    .replace(/ #.*$/u, "")
    .replaceAll(" ", "");
  const host = rules.form === "project" ? hostOf(guess, rules) : undefined;
  if (host !== undefined) guess = guess.slice(host.length + 1);
  if (hasSlashForColon(guess)) guess = guess.replace(/\/([^/]*)$/, ":$1");
  guess = guess.replace(/^(?:.*\/)?[^:@]*/, (name) => name.toLowerCase());
  return guess !== text && "image" in judgeLine(guess, rules) ? guess : undefined;
}

/** The name an image gets wherever it is mirrored to: two images cannot have the same. */
export const nameOf = ({ repository, tag, digest }: ListedImage): string =>
  tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;
