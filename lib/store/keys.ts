import { RejectedError } from "../errors.ts";

/** Printable ASCII without slash and backslash. */
const segment = /^[\x20-\x2e\x30-\x5b\x5d-\x7e]{1,255}$/;
const longestKey = 1024;

/** Whether a text may stand between the slashes of a key. */
export const isSegment = (text: string): boolean => segment.test(text) && text !== "." && text !== "..";

export const isKey = (text: string): boolean => text.length <= longestKey && text.split("/").every(isSegment);

/**
 * Check a key by the rule that {@linkcode Store} states.
 *
 * @throws RejectedError STORE_KEY_INVALID
 */
export function checkKey(key: string): void {
  if (!isKey(key)) throw invalid("key", key);
}

/**
 * Check that a text is the beginning of some key; the empty text is the beginning of all.
 *
 * @throws RejectedError STORE_KEY_INVALID
 */
export function checkPrefix(prefix: string): void {
  const parts = prefix.split("/");
  const last = parts.pop()!;
  if (prefix.length > longestKey || !parts.every(isSegment) || !(last === "" || segment.test(last))) {
    throw invalid("prefix", prefix);
  }
}

/** A refused key, quoted so that nothing in it can garble a log. */
export const invalid = (
  what: "key" | "prefix",
  text: string,
  why = "segments of 1 to 255 printable ASCII characters without backslash, joined by slashes, are allowed",
): RejectedError => new RejectedError("STORE_KEY_INVALID", `Cannot use ${what} ${quoted(text)}: ${why}`);

export const quoted = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 199)}…` : text);
