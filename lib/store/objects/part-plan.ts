import type { CopySource, PartRules } from "./service.ts";

/** A range of a body that the service could copy from an object it holds. */
export interface CopyableRange extends CopySource {
  /** Where it begins in the body. */
  readonly at: number;
}

export interface PlannedPart {
  readonly number: number;
  /** Where it begins in the body. */
  readonly start: number;
  readonly size: number;
  /** Copied from there; otherwise sent. */
  readonly from?: CopySource | undefined;
}

/**
 * How a body of known size is written in parts: the same inputs always give the same parts.
 *
 * What can be copied is copied, except where a part would be too small: bytes between two copies that are less than a part
 * take as many with them from the beginning of the next one as they need, and a range that is too small for a part of its
 * own is sent. Parts are larger than wanted when there would be more of them than the service takes.
 *
 * @param wanted bytes of a part
 * @returns undefined when a body of this size cannot be written
 */
export function planParts(
  size: number,
  copyable: readonly CopyableRange[],
  rules: PartRules,
  wanted: number,
): readonly PlannedPart[] | undefined {
  for (
    let sent = Math.max(wanted, rules.minPart), least = rules.minPart;
    sent <= rules.maxPart;
    sent *= 2, least *= 2
  ) {
    // Few large parts are known to be too many without being counted.
    if (copyable.length === 0 && size / sent > rules.maxParts) continue;
    const parts = partsOf(size, copyable, { ...rules, minPart: least }, sent);
    if (parts.length <= rules.maxParts) return parts;
  }
  const fewest = partsOf(size, [], rules, rules.maxPart);
  return fewest.length <= rules.maxParts ? fewest : undefined;
}

function partsOf(
  size: number,
  copyable: readonly CopyableRange[],
  { minPart }: PartRules,
  wanted: number,
): PlannedPart[] {
  const parts: PlannedPart[] = [];
  /** From here on no part is planned. */
  let start = 0;
  const send = (end: number): void => {
    for (const part of evenly(end - start, wanted, minPart)) {
      parts.push({ number: parts.length + 1, start, size: part });
      start += part;
    }
  };
  for (const { at, size: length, ...source } of copyable) {
    const waiting = at - start;
    const taken = waiting === 0 ? 0 : Math.max(0, minPart - waiting);
    const isLast = at + length === size;
    if (length - taken < (isLast ? 1 : minPart)) continue;
    send(at + taken);
    for (const part of evenly(length - taken, wanted, minPart)) {
      const from = { ...source, start: source.start + start - at, size: part };
      parts.push({ number: parts.length + 1, start, size: part, from });
      start += part;
    }
  }
  send(size);
  return parts;
}

/** Sizes of about equal parts, none above `most` unless it would make one smaller than `least`. */
function evenly(size: number, most: number, least: number): number[] {
  if (size === 0) return [];
  const count = Math.max(1, Math.min(Math.ceil(size / most), Math.floor(size / least)));
  const small = Math.floor(size / count);
  return Array.from({ length: count }, (_, index) => (index < size % count ? small + 1 : small));
}
