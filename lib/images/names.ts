/** Words that make a name speak of something about an image instead of the image. */
const ABOUT = new Set(
  "pull policy secret secrets tag digest registry repository repo size type path url uri dir directory width height server host hostname address addr endpoint port service format origin version prefix suffix enabled count limit cache".split(
    " ",
  ),
);

const MAX_NAME = 200;

const partsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase());

/** Whether what has this name is an image: `image`, `initImage`, `RELATED_IMAGE_PROXY`, `baseimage`, `--acme-http01-solver-image`. */
export function saysImage(name: string): boolean {
  if (name.length > MAX_NAME || !/image/i.test(name)) return false;
  const words = partsOf(name);
  return words.some((word) => /images?$/.test(word)) && !words.some((word) => ABOUT.has(word));
}

/** Endings of a name that carries an image without its tag, and of the names of what belongs to it. */
const NAME_ENDINGS = /[-_.]?(?:image|image[-_.]?(?:name|repository|repo))$/i;
const TAG_ENDINGS = ["tag", "version"] as const;
const DIGEST_ENDINGS = ["digest", "sha"] as const;

/** The tag and digest that stand under names of their own beside a name: `FOO_IMAGE_TAG` for `FOO_IMAGE`, `fooTag` for `fooImage`. */
export interface Companions {
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * @param name `--grafana-image`, `FOO_IMAGE_REPOSITORY`, `baseImage`
 * @param besides what has a name, if anything does
 */
export function companionsOf(name: string, besides: (name: string) => string | undefined): Companions {
  const stem = name.replace(NAME_ENDINGS, "");
  if (stem === name) return { tag: undefined, digest: undefined };
  const find = (endings: readonly string[]): string | undefined => {
    for (const ending of endings) {
      for (const candidate of spellings(stem, name, ending)) {
        const value = candidate === name ? undefined : besides(candidate);
        if (value !== undefined && value !== "") return value;
      }
    }
    return undefined;
  };
  return { tag: find(TAG_ENDINGS), digest: find(DIGEST_ENDINGS) };
}

/** `image-tag` and `tag` behind a stem, in the manner the name itself is written. */
function spellings(stem: string, name: string, ending: string): readonly string[] {
  const rest = name.slice(stem.length);
  const image = /[-_.]?image/i.exec(rest)![0];
  const separator = /[-_.]/.exec(rest)?.[0] ?? "";
  if (separator === "") {
    const capital = ending[0]!.toUpperCase() + ending.slice(1);
    // the version beside `image` is often that of the application
    const alone = ending === "version" ? [] : [ending];
    return [`${stem}${image}${capital}`, ...(stem === "" ? alone : [`${stem}${capital}`])];
  }
  const cased = rest === rest.toUpperCase() ? ending.toUpperCase() : ending;
  return [`${stem}${image}${separator}${cased}`, `${stem}${separator}${cased}`];
}
