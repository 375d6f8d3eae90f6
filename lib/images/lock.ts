import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { readSpelling } from "./spelling.ts";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be a sha256 digest");
/** `linux/amd64`, `linux/arm/v7` */
export const isPlatformText = (text: string): boolean => /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/.test(text);
const platform = z.string().refine(isPlatformText, "must be os/architecture[/variant]");

/** What every image of a list was when the list was made. */
export const imagesLockSchema = z.strictObject({
  version: z.literal(1),
  images: z.array(
    z.strictObject({
      image: z
        .string()
        .refine((image) => readSpelling(image)?.image === image, "must be a normalised reference")
        .meta({ description: "Normalised reference" }),
      digest: digest.meta({ description: "Of the manifest or index the reference led to" }),
      platforms: z
        .array(platform)
        .meta({ description: "What the index holds, sorted; empty when the image does not say" }),
    }),
  ),
});

export type ImagesLock = Readonly<z.output<typeof imagesLockSchema>>;
export type LockedImage = ImagesLock["images"][number];

/** Bytes. */
export const MAX_LOCK = 64 * 1024 * 1024;

/** The same images give the same bytes: sorted, each once, with a final newline. */
export function formatLock(images: readonly LockedImage[]): string {
  const sorted = [...new Map(images.map((each) => [each.image, each])).values()]
    .sort((a, b) => (a.image < b.image ? -1 : 1))
    .map(({ image, digest, platforms }) => ({ image, digest, platforms: [...new Set(platforms)].sort() }));
  return `${JSON.stringify({ version: 1, images: sorted }, null, 2)}\n`;
}

/** @throws RejectedError LIST_INVALID when the text is no lock, naming the first problems */
export function parseLock(text: string): ImagesLock {
  const refuse = (why: string, cause?: unknown): never => {
    throw new RejectedError("LIST_INVALID", `Cannot read image lock: ${why}`, { cause });
  };
  if (text.length > MAX_LOCK) return refuse(`more than ${MAX_LOCK} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return refuse("it is not JSON", cause);
  }
  const parsed = imagesLockSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`);
    return refuse(problems.join("; ").slice(0, 1000));
  }
  const twice = firstRepeated(parsed.data.images.map(({ image }) => image));
  return twice === undefined ? parsed.data : refuse(`"${twice}" is there twice`);
}

function firstRepeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}
