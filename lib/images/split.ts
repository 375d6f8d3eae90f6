import { companionsOf, saysImage } from "./names.ts";
import type { Fields } from "./place.ts";
import { readSpelling, type Spelling } from "./spelling.ts";

/** An image whose parts stand in fields of their own. */
export interface SplitReference {
  /** The field with the name: the place of the image. */
  readonly nameKey: string;
  /** Every field that is a part of it. */
  readonly keys: ReadonlySet<string>;
  /** The parts joined as charts join them. */
  readonly text: string;
  readonly spelling: Spelling;
  /** Something besides `repository` and `tag` says image: `acme/a` and `main` may as well be code. */
  readonly sure: boolean;
  /** The tag came from `defaultTag`. */
  readonly defaulted: boolean;
}

const NAMES = ["repository", "repo", "newName", "imageRepository", "imageName", "baseImage", "image", "name"] as const;
const REGISTRIES = ["registry", "imageRegistry"] as const;
const TAGS = ["tag", "imageTag", "image_tag", "newTag"] as const;
const DIGESTS = ["digest", "imageDigest", "sha", "sha256"] as const;

/** Names of fields that may be a part; a quick test before the real one. */
export const partNames: ReadonlySet<string> = new Set([...NAMES, ...REGISTRIES, ...TAGS, ...DIGESTS, "version"]);

/**
 * Read the forms of reference/charts.md section 2.7: `{repository, tag}`, `{registry, repository, tag, digest}`,
 * `{registry, image, tag}`, `{repository, image, tag}`, `{repository, sha, tag}`, `{name, newName, newTag}` and so on.
 *
 * @param name the name the map itself has: `image`, `images`, `sidecar`
 * @param defaultTag for a map whose tag is empty, or left out beside `repository`
 * @returns undefined when the map is no image
 */
export function splitReference(fields: Fields, name: string, defaultTag?: string): SplitReference | undefined {
  const image = saysImage(name);
  const nameKey = NAMES.find((key) => textOf(fields, key) !== undefined && (key !== "name" || image));
  if (nameKey === undefined) return undefined;
  const registryKey = readSpelling(textOf(fields, nameKey)!)?.hosted
    ? undefined
    : REGISTRIES.find((key) => textOf(fields, key) !== undefined);
  const digestKey = DIGESTS.find((key) => textOf(fields, key) !== undefined);
  const tagKey =
    TAGS.find((key) => textOf(fields, key) !== undefined) ??
    TAGS.find((key) => fields.has(key)) ??
    (hasVersion(fields, nameKey, image || registryKey !== undefined) ? "version" : undefined);
  const subKey = nameKey === "repository" && /^[\w.-]+$/.test(textOf(fields, "image") ?? "") ? "image" : undefined;
  const defaultable = defaultTag !== undefined && image && nameKey === "repository";
  if (tagKey === undefined && digestKey === undefined && subKey === undefined && !defaultable) return undefined;

  const given = tagKey === undefined ? undefined : textOf(fields, tagKey);
  const base = [registryKey, nameKey, subKey].flatMap((key) => (key === undefined ? [] : [textOf(fields, key)!]));
  if (base.some(({ length }) => length > MAX_PART)) return undefined;
  const path = base.map((part) => part.replaceAll(/^\/+|\/+$/g, "")).join("/");
  const tagged = /:[^/]*$/.test(path) || path.includes("@");
  // a lone word under `image` is often joined with a hub elsewhere
  const whole = path.includes("/") || nameKey !== "image";
  const tag = given ?? (tagged || digestKey !== undefined || !whole ? undefined : defaultTag);
  const digest = digestKey === undefined ? undefined : asDigest(textOf(fields, digestKey)!);
  const text = path + (tag === undefined || tagged ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
  const spelling = readSpelling(text);
  if (spelling === undefined || !isPlausible(path, spelling)) return undefined;
  const keys = [registryKey, nameKey, subKey, tagKey, digestKey].filter((key) => key !== undefined);
  const sure = image || spelling.hosted || digest !== undefined || (nameKey !== "repository" && nameKey !== "repo");
  return { nameKey, keys: new Set(keys), text, spelling, sure, defaulted: given === undefined && tag !== undefined };
}

/** The longest part that can be one of a reference. */
const MAX_PART = 300;

/** `version` is a tag beside what is surely an image, and much else beside a name. */
const hasVersion = (fields: Fields, nameKey: string, image: boolean): boolean =>
  fields.has("version") && nameKey !== "name" && (image || nameKey === "baseImage");

/** A tag and digest under names that go with the name of a field: `fooImage` and `fooImageTag`. */
export function withCompanions(
  text: string,
  name: string,
  besides: (name: string) => string | undefined,
): { readonly text: string; readonly spelling: Spelling } | undefined {
  const { tag, digest } = companionsOf(name, besides);
  if (tag === undefined && digest === undefined) return undefined;
  const bare = readSpelling(text);
  if (bare === undefined || bare.exact) return undefined;
  const joined = `${text}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${asDigest(digest)}`}`;
  const spelling = readSpelling(joined);
  return spelling && { text: joined, spelling };
}

/** A text or number that is not empty, as templates print it. */
export function textOf(fields: Fields, key: string): string | undefined {
  const value = fields.get(key);
  if (typeof value === "number" || typeof value === "bigint") return printNumber(Number(value));
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/**
 * A number as Go's templates print it: to Helm every number of values.yaml is a float64, and `%v` takes an exponent below
 * -4 and from 6 on, so `20210101` becomes `2.0210101e+07` (https://pkg.go.dev/strconv#FormatFloat, tried with helm 4.1.4).
 */
export function printNumber(value: number): string {
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** Charts keep a digest with and without its algorithm. */
const asDigest = (text: string): string => (/^[0-9a-f]{64}$/.test(text) ? `sha256:${text}` : text);

/** `github.com/a/b` with a tag is a repository of code. */
const isPlausible = (path: string, { hosted, reference }: Spelling): boolean =>
  hosted || !path.startsWith(`${reference.registry}/`);
