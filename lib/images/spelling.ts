import { RejectedError } from "../errors.ts";
import { formatReference, parseReference, type Reference, readReference } from "../oci/index.ts";

/** A text that is an image reference, and how sure the text alone makes it. */
export interface Spelling {
  /** Normalised; `latest` where neither tag nor digest is given, as Kubernetes pulls it. */
  readonly image: string;
  readonly reference: Reference;
  /** Names a host, and not one of sites that serve no images. */
  readonly hosted: boolean;
  /** Has a tag or a digest. */
  readonly exact: boolean;
}

/** Longer than any reference: host 255, path 255, tag 128, digest 71. */
const MAX_LENGTH = 750;

/** Cheap look before the real one: most texts are no references. */
const MAYBE = /^[A-Za-z0-9[][\w.\-/:@[\]]*$/;

/** Hosts that often stand before a path and serve code, API groups or web pages, but no images. */
const NO_REGISTRY =
  /^(?:(?:www\.)?(?:github|bitbucket|gitlab)\.(?:com|org)|gopkg\.in|golang\.org|(?:[\w-]+\.)*kubernetes\.io|(?!registry\.)(?:[\w-]+\.)*k8s\.io|istio\.io|cilium\.io)$/;

/** Behind a colon these are effects of a taint: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
const TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** @returns undefined when the text is no image reference */
export function readSpelling(text: string): Spelling | undefined {
  if (text.length > MAX_LENGTH || !MAYBE.test(text)) return undefined;
  const reference = readReference(text);
  if (typeof reference === "string") return undefined;
  const { registry, tag, digest } = reference;
  if (tag !== undefined && TAINT_EFFECTS.includes(tag)) return undefined;
  const host = text.slice(0, text.indexOf("/"));
  const exact = tag !== undefined || digest !== undefined;
  return {
    image: formatReference(exact ? reference : { ...reference, tag: "latest" }),
    reference,
    hosted: (host === registry || host === "index.docker.io") && !NO_REGISTRY.test(host),
    exact,
  };
}

/** Whether the text alone, without any name beside it, says that it is an image. */
export const speaksForItself = ({ reference, hosted, exact }: Spelling): boolean =>
  reference.digest !== undefined || (hosted && exact && /\.[a-z]{2,}(?::\d+)?$|:\d+$/i.test(reference.registry));

/** What broken templates print instead of a reference (reference/charts.md section 4). */
const misprints: readonly (readonly [RegExp, string])[] = [
  [/^map\[/, "a template printed a whole map"],
  [/%!/, "a template printed a value that is not there"],
  [/<no value>|<nil>/, "a template printed a value that is not there"],
  [/^[:@]/, "it has a tag or digest, but no name"],
  [/\/[:@]/, "its name ends with a slash"],
  [/:$/, "its tag is empty"],
];

/** What somebody fills in later: no mistake, but no reference either. */
const openEnds: readonly (readonly [RegExp, string])[] = [
  [/[{[]{2}|[}\]]{2}/, "a template is left in it"],
  [/\$[({]/, "a variable is left in it"],
];

/** Why a text that should be an image reference is none. */
export function whyUnreadable(text: string): string {
  const shown = JSON.stringify(text.slice(0, 200)).replaceAll(/[^\x20-\x7e]/gu, escaped);
  const say = (why: string): string => `Cannot read reference ${shown}: ${why}`;
  if (text.length > MAX_LENGTH) return say(`it has more than ${MAX_LENGTH} characters`);
  const known = [...misprints, ...openEnds].find(([pattern]) => pattern.test(text))?.[1];
  if (known !== undefined) return say(known);
  const foreign = /[^\x20-\x7e]/u.exec(text)?.[0];
  if (foreign !== undefined) return say(`${escaped(foreign)} is outside ASCII, and perhaps only looks right`);
  try {
    parseReference(text);
  } catch (error) {
    if (error instanceof RejectedError) return error.message;
    throw error;
  }
  return say("it is no image reference");
}

/** Whether a text is what a broken template leaves where a reference should be. */
export const isMisprint = (text: string): boolean =>
  misprints.some(([pattern]) => pattern.test(text)) && !/\s(?!value>)/.test(text);

const escaped = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;
