import { type Document, parseDocument } from "yaml";
import * as z from "zod";
import { RejectedError } from "../errors.ts";

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits, dots and dashes, 63 at most");
const version = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$/, "must be a version");

/** What belongs to one release. Strict: a field nobody reads is a mistake somebody should hear about. */
export const releaseSchema = z
  .strictObject({
    name: name.meta({ description: "Name of the release" }),
    version: version.meta({ description: "Version of the release" }),
    charts: z
      .array(z.string().regex(/^oci:\/\/\S+:[^/:]+$/, "must be oci://host/repository:version"))
      .max(1000)
      .default([])
      .meta({ description: "Charts; the images they need belong to the release" }),
    images: z
      .array(z.string().min(1).max(512))
      .max(10_000)
      .default([])
      .meta({ description: "Further images, by tag or digest" }),
  })
  .refine(({ charts, images }) => charts.length + images.length > 0, "names neither charts nor images");

export type Release = Readonly<z.output<typeof releaseSchema>>;

/** @throws RejectedError RELEASE_INVALID with every problem at once */
export function checkRelease(given: unknown): Release {
  const parsed = releaseSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "it" : path.join(".")}: ${message}`,
  );
  throw new RejectedError("RELEASE_INVALID", `Cannot use release description: ${problems.join("; ").slice(0, 1000)}`);
}

const MAX_BYTES = 1024 * 1024;

/** Read a release description written as YAML. @throws RejectedError RELEASE_INVALID */
export function readRelease(text: string): Release {
  const refuse = (why: string): never => {
    throw new RejectedError("RELEASE_INVALID", `Cannot read release description: ${why}`);
  };
  if (text.length > MAX_BYTES) return refuse(`it has more than ${MAX_BYTES} characters`);
  const document: Document = parseDocument(text, { uniqueKeys: true, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) return refuse(error.message.split("\n", 1)[0]!);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 50 });
  } catch {
    return refuse("it uses too many aliases");
  }
  return checkRelease(value);
}
