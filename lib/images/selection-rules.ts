import * as z from "zod";
import { RejectedError, StowageError } from "../errors.ts";
import { parseDocuments, plainOf } from "./manifest-objects.ts";
import { readSpelling } from "./spelling.ts";

const reason = z
  .string()
  .trim()
  .min(1, "must say why")
  .max(500)
  .meta({ description: "Why; people read it in reports" });
const pattern = z.string().trim().min(1).max(512);

const rules = <Shape extends z.ZodRawShape>(shape: Shape, description: string) =>
  z.array(z.strictObject(shape)).max(10_000).default([]).meta({ description });

/** What people know better than the finder. Strict: a field nobody reads is a mistake somebody should hear about. */
export const selectionSchema = z.strictObject({
  include: rules(
    {
      image: pattern
        .refine((image) => readSpelling(image)?.exact, {
          error: ({ input }) => `"${input}" is no reference with a tag or digest`,
        })
        .meta({ description: "A reference with tag or digest" }),
      reason,
    },
    "Images that no rule finds",
  ),
  exclude: rules(
    {
      image: pattern
        .refine((image) => image.includes("*") || readSpelling(image) !== undefined, {
          error: ({ input }) => `"${input}" is no reference`,
        })
        .meta({ description: "A reference; without tag all of its repository; `*` stands for any characters" }),
      reason,
    },
    "Images that are found and not wanted",
  ),
  unresolved: rules(
    {
      name: pattern.meta({
        description:
          "A chart (`web-1.0.0`, `web`, a file) or the text that is no reference; `*` stands for any characters",
      }),
      reason,
    },
    "What may stay unresolved without failing the list",
  ),
});

export type Selection = Readonly<z.output<typeof selectionSchema>>;

/** @throws RejectedError RELEASE_INVALID naming every rule that is wrong */
export function checkSelection(given: unknown): Selection {
  const parsed = selectionSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "it" : path.join(".")}: ${message}`,
  );
  throw new RejectedError("RELEASE_INVALID", `Cannot use image rules: ${problems.join("; ").slice(0, 1000)}`);
}

/** Rules written as YAML or JSON. @throws RejectedError RELEASE_INVALID */
export function readSelection(text: string): Selection {
  let documents: readonly unknown[];
  try {
    documents = parseDocuments(text).map(plainOf);
  } catch (error) {
    if (!(error instanceof StowageError)) throw error;
    throw new RejectedError("RELEASE_INVALID", `Cannot use image rules: ${error.message}`, { cause: error });
  }
  if (documents.length > 1)
    throw new RejectedError("RELEASE_INVALID", "Cannot use image rules: more than one document");
  return checkSelection(documents[0] ?? {});
}
