import { compareUtf8 } from "../../yaml/index.ts";
import { FunctionError } from "../function-table.ts";

export interface Version {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  readonly original: string;
}

const identifiers = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const syntax = new RegExp(`^v?([0-9]+)(?:\\.([0-9]+))?(?:\\.([0-9]+))?(?:-(${identifiers}))?(?:\\+(${identifiers}))?$`);

/**
 * Reads a version as Masterminds semver 3.4 does: a leading `v`, missing parts and leading zeros are allowed.
 *
 * @throws FunctionError
 */
export function parseVersion(text: string): Version {
  const match = syntax.exec(text);
  if (!match) throw new FunctionError("invalid semantic version");
  const [, major, minor, patch, prerelease = "", metadata = ""] = match;
  if (prerelease.split(".").some((part) => /^0[0-9]+$/.test(part))) {
    throw new FunctionError("version segment starts with 0");
  }
  return { major: segment(major), minor: segment(minor), patch: segment(patch), prerelease, metadata, original: text };
}

function segment(digits = "0"): bigint {
  const value = digits.length > 40 ? 2n ** 64n : BigInt(digits);
  if (value < 2n ** 64n) return value;
  throw new FunctionError(`error parsing version segment: strconv.ParseUint: parsing "${digits}": value out of range`);
}

/** Orders versions by precedence: metadata does not count. */
export function compareVersions(a: Version, b: Version): -1 | 0 | 1 {
  for (const part of ["major", "minor", "patch"] as const) if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  if (a.prerelease === b.prerelease) return 0;
  if (a.prerelease === "") return 1;
  return b.prerelease === "" ? -1 : comparePrereleases(a.prerelease, b.prerelease);
}

export function comparePrereleases(a: string, b: string): -1 | 0 | 1 {
  const [left, right] = [a.split("."), b.split(".")];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x = "", y = ""] = [left[i], right[i]];
    if (x !== y) return identifierPrecedes(x, y) ? -1 : 1;
  }
  return 0;
}

/** The shorter list comes first, numbers before words, numbers by value, words by their bytes. */
function identifierPrecedes(a: string, b: string): boolean {
  if (a === "" || b === "") return a === "";
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x <= y;
  if (x === undefined && y === undefined) return compareUtf8(a, b) < 0;
  return x !== undefined;
}

const numberOf = (text: string): bigint | undefined => {
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined;
  return value !== undefined && value < 2n ** 64n ? value : undefined;
};

export const versionText = ({ major, minor, patch, prerelease, metadata }: Version): string =>
  `${major}.${minor}.${patch}${prerelease === "" ? "" : `-${prerelease}`}${metadata === "" ? "" : `+${metadata}`}`;
