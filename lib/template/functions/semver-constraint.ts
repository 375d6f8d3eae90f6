import { FunctionError } from "../function-table.ts";
import { LinearRegex } from "./regex.ts";
import { comparePrereleases, compareVersions, parseVersion, type Version } from "./semver-version.ts";

/** One comparison of a constraint: `>= 1.2`. */
export interface Constraint {
  /** Names a prerelease: then all comparisons beside it consider prereleases. */
  readonly allowsPrerelease: boolean;
  accepts(version: Version): boolean;
}

// the grammar of Masterminds semver 3.4, constraints.go; linear, since charts bring the text
const operators = "=||!=|>|<|>=|=>|<=|=<|~|~>|\\^";
const wild = "[0-9|x|X|\\*]+";
const identifiers = "([0-9A-Za-z\\-]+(\\.[0-9A-Za-z\\-]+)*)";
const version = `v?(${wild})(\\.${wild})?(\\.${wild})?(-${identifiers})?(\\+${identifiers})?`;
const grammar = once(() => ({
  one: new LinearRegex(`^\\s*(${operators})\\s*(${version})\\s*$`),
  ranges: new LinearRegex(`\\s*(${version})\\s+-\\s+(${version})\\s*`),
  each: new LinearRegex(`(${operators})\\s*(${version})`),
  list: new LinearRegex(
    `^(\\s*(${operators})\\s*(${version})\\s*)((?:\\s+|,\\s*)(${operators})\\s*(${version})\\s*)*$`,
  ),
}));

/** Compiling takes a while: only a chart that compares versions pays for it. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/**
 * Reads constraints: comparisons beside each other must all hold, `||` separates alternatives.
 *
 * @throws FunctionError
 */
export function parseConstraints(text: string): Constraint[][] {
  return withoutRanges(text)
    .split("||")
    .map((alternative) => {
      if (!grammar().list.test(alternative)) throw improper(alternative);
      return Array.from(grammar().each.matches(alternative), ({ groups }) => parseOne(groups[0]!));
    });
}

const improper = (text: string): FunctionError => new FunctionError(`improper constraint: ${text}`);

/** `1.2 - 2.3` means `>= 1.2, <= 2.3`. */
function withoutRanges(text: string): string {
  let result = text;
  for (const { groups } of grammar().ranges.matches(text))
    result = result.replace(groups[0]!, () => `>= ${groups[1]}, <= ${groups[11]} `);
  return result;
}

const isWild = (part: string): boolean => part === "x" || part === "X" || part === "*";

/** A version with what was left open: `1.x` is 1.0.0 with an open minor. */
interface Bound extends Version {
  /** Something is left open. */
  readonly open: boolean;
  readonly openMinor: boolean;
  readonly openPatch: boolean;
}

function parseOne(text: string): Constraint {
  const groups = grammar().one.first(text)?.groups;
  if (!groups) throw improper(text);
  const operator = groups[1] ?? "";
  const bound = parseBound(groups[2] ?? "", groups[3] ?? "", groups[4] ?? "", groups[5] ?? "", groups[6] ?? "");
  const accepts = accepting.get(operator)!;
  return { allowsPrerelease: bound.prerelease !== "", accepts: (candidate) => accepts(candidate, bound) };
}

function parseBound(whole: string, major: string, minor: string, patch: string, prerelease: string): Bound {
  const [isOpenMinor, isOpenPatch] = [minor, patch].map((part) => part === "" || isWild(part.slice(1)));
  let [text, open, openMinor, openPatch] = [whole, true, false, false];
  if (isWild(major)) text = `0.0.0${prerelease}`;
  else if (isOpenMinor) [text, openMinor] = [`${major}.0.0${prerelease}`, true];
  else if (isOpenPatch) [text, openPatch] = [`${major}${minor}.0${prerelease}`, true];
  else open = false;
  try {
    return { ...parseVersion(text), open, openMinor, openPatch };
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    throw new FunctionError("constraint parser error");
  }
}

type Accepts = (version: Version, bound: Bound) => boolean;

const atLeast: Accepts = (version, bound) => compareVersions(version, bound) >= 0;

const equal: Accepts = (version, bound) => (bound.open ? tilde(version, bound) : compareVersions(version, bound) === 0);

const notEqual: Accepts = (version, bound) => {
  if (!bound.open) return compareVersions(version, bound) !== 0;
  if (version.major !== bound.major) return true;
  if (bound.openMinor) return false;
  if (version.minor !== bound.minor) return true;
  if (bound.openPatch) return comparePrereleases(version.prerelease, bound.prerelease) !== 0;
  return compareVersions(version, bound) !== 0;
};

const greater: Accepts = (version, bound) => {
  if (bound.open && version.major !== bound.major) return version.major > bound.major;
  if (bound.openMinor) return false;
  if (bound.openPatch) return version.minor > bound.minor;
  return compareVersions(version, bound) > 0;
};

const atMost: Accepts = (version, bound) => {
  if (!bound.open) return compareVersions(version, bound) <= 0;
  if (version.major !== bound.major) return version.major < bound.major;
  return bound.openMinor || version.minor <= bound.minor;
};

const tilde: Accepts = (version, bound) => {
  if (!atLeast(version, bound)) return false;
  const zero = bound.major === 0n && bound.minor === 0n && bound.patch === 0n;
  if (zero && !bound.openMinor && !bound.openPatch) return true;
  return version.major === bound.major && (bound.openMinor || version.minor === bound.minor);
};

const caret: Accepts = (version, bound) => {
  if (!atLeast(version, bound) || version.major !== bound.major) return false;
  if (bound.major > 0n || bound.openMinor) return true;
  if (version.minor !== bound.minor) return false;
  return bound.minor > 0n || bound.openPatch || version.patch === bound.patch;
};

const accepting: ReadonlyMap<string, Accepts> = new Map([
  ["", equal],
  ["=", equal],
  ["!=", notEqual],
  [">", greater],
  ["<", (candidate, bound) => compareVersions(candidate, bound) < 0],
  [">=", atLeast],
  ["=>", atLeast],
  ["<=", atMost],
  ["=<", atMost],
  ["~", tilde],
  ["~>", tilde],
  ["^", caret],
]);
