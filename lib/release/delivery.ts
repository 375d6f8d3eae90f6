import * as z from "zod";
import { catalogue } from "../events/index.ts";

const { base } = catalogue["dev.stowage.bundle.requested.v1"].data.shape;
const { hops, platforms, rewriteIndex, recheck } = catalogue["dev.stowage.mirror.requested.v1"].data.shape;

/** What the spec of a Release says besides the description: what is to be made of it. Events take the same fields. */
export const deliverySchema = z
  .strictObject({
    bundle: z.boolean().default(true).meta({ description: "Build its bundle" }),
    base,
    mirror: z
      .strictObject({ hops, platforms, rewriteIndex, recheck })
      .optional()
      .meta({ description: "Mirror its images; without it they stay where they are" }),
    attempt: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({ description: "Count it up to have everything done once more, though nothing else has changed" }),
  })
  .refine(({ bundle, base }) => bundle || base === undefined, "base is of a bundle");

export type Delivery = Readonly<z.output<typeof deliverySchema>>;
export const deliveryFields: readonly string[] = Object.keys(deliverySchema.shape);
