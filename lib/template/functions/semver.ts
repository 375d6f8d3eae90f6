import { FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { SizedInteger, Struct, type Value } from "../value.ts";
import { type Constraint, parseConstraints } from "./semver-constraint.ts";
import { compareVersions, parseVersion, type Version, versionText } from "./semver-version.ts";

/** `*semver.Version` as templates see it: its parts and comparisons are methods. */
class VersionStruct extends Struct {
  readonly version: Version;

  constructor(version: Version) {
    const text = versionText(version);
    const compare = (accept: (order: number) => Value): TemplateFunction =>
      templateFunction(["any"], (_, other) => {
        if (!(other instanceof VersionStruct))
          throw new FunctionError("wrong type for value; expected *semver.Version");
        return accept(compareVersions(version, other.version));
      });
    const part = (value: Value): TemplateFunction => templateFunction([], () => value);
    const number = (value: bigint): TemplateFunction => part(new SizedInteger("uint64", value));
    const next = (change: Partial<Version>): TemplateFunction =>
      templateFunction([], () => {
        const changed = { ...version, prerelease: "", metadata: "", ...change };
        return new VersionStruct({
          ...changed,
          original: (version.original.startsWith("v") ? "v" : "") + versionText(changed),
        });
      });
    super("*semver.Version", {
      text,
      json: text,
      methods: new Map([
        ["Major", number(version.major)],
        ["Minor", number(version.minor)],
        ["Patch", number(version.patch)],
        ["Prerelease", part(version.prerelease)],
        ["Metadata", part(version.metadata)],
        ["Original", part(version.original)],
        ["String", part(text)],
        ["Compare", compare((order) => BigInt(order))],
        ["Equal", compare((order) => order === 0)],
        ["LessThan", compare((order) => order < 0)],
        ["LessThanEqual", compare((order) => order <= 0)],
        ["GreaterThan", compare((order) => order > 0)],
        ["GreaterThanEqual", compare((order) => order >= 0)],
        ["IncMajor", next({ major: version.major + 1n, minor: 0n, patch: 0n })],
        ["IncMinor", next({ minor: version.minor + 1n, patch: 0n })],
        ["IncPatch", next(version.prerelease === "" ? { patch: version.patch + 1n } : {})],
      ]),
    });
    this.version = version;
  }
}

/** Charts compare few constraints, and each many times. */
const cacheSize = 200;
const cache = new Map<string, readonly (readonly Constraint[])[]>();

/** Whether a version satisfies constraints. @throws FunctionError when one of them is none, in Go's words */
export function satisfies(constraints: string, version: string): boolean {
  let alternatives = cache.get(constraints);
  if (!alternatives) {
    alternatives = parseConstraints(constraints);
    if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!);
    cache.set(constraints, alternatives);
  }
  const parsed = parseVersion(version);
  return alternatives.some((all) => {
    const allowsPrerelease = all.some((constraint) => constraint.allowsPrerelease);
    return (allowsPrerelease || parsed.prerelease === "") && all.every((constraint) => constraint.accepts(parsed));
  });
}

export const semverFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["semver", templateFunction(["string"], (_, text) => new VersionStruct(parseVersion(text)))],
  [
    "semverCompare",
    templateFunction(["string", "string"], (context, constraints, version) => {
      context.spend(8 * (constraints.length + version.length));
      return satisfies(constraints, version);
    }),
  ],
];
