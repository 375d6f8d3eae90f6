import * as z from "zod";

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const key = z.string().max(1024);
/** Longer reasons are cut: the whole of them lies in the store. */
export const MAX_MESSAGE = 1000;

/** What can be said of a Release, in the order in which it comes true. */
export const steps = ["ImagesListed", "BundleBuilt", "Mirrored"] as const;
export type Step = (typeof steps)[number];

/** https://github.com/kubernetes/apimachinery/blob/v0.35.0/pkg/apis/meta/v1/types.go, Condition. */
const conditionSchema = z.object({
  type: z.enum([...steps, "Ready"]),
  status: z.enum(["True", "False", "Unknown"]),
  observedGeneration: count,
  lastTransitionTime: z.iso.datetime().meta({ description: "When `status` became what it is" }),
  reason: z
    .string()
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .meta({ description: "One word; of failures the code: docs/errors.md" }),
  message: z.string().max(MAX_MESSAGE).meta({ description: "For people" }),
});

/** `status` of a Release. Not strict: a later version may have written more. Bounded: keys and counts of what lies in the store, one condition for each step. */
export const statusSchema = z.object({
  observedGeneration: count.meta({ description: "The state of the spec that all of this is about" }),
  phase: z
    .enum(["Listing", "Building", "Mirroring", "Ready", "Failed"])
    .meta({ description: "The conditions in one word" }),
  images: z
    .object({
      count: count.meta({ description: "Required images" }),
      optional: count.meta({ description: "Images that named switches bring in" }),
      list: key.optional().meta({ description: "Store key of the image list" }),
      lock: key.optional().meta({ description: "Store key of the digests and platforms of all images" }),
      lockDigest: z
        .string()
        .max(100)
        .optional()
        .meta({ description: "Tells one set of images, by digest, from all others" }),
      findings: key.optional().meta({ description: "Store key of the reasons for each image" }),
      difference: key.optional().meta({ description: "Store key of what changed since the version before" }),
    })
    .optional(),
  bundle: z
    .object({
      store: z.string().max(1024).meta({ description: "URL of the store that holds it" }),
      key,
      sha256: z.string().max(64),
      size: count.meta({ description: "Bytes" }),
      images: count,
      volumes: count.optional().meta({ description: "How many volumes it was split into" }),
    })
    .optional(),
  mirror: z
    .object({
      to: z.string().max(300).meta({ description: "Host of the last hop" }),
      images: count,
      report: key.meta({ description: "Store key of the report" }),
    })
    .optional(),
  conditions: z.array(conditionSchema).max(steps.length + 1),
});

export type ReleaseStatus = Readonly<z.output<typeof statusSchema>>;
export type Condition = Readonly<z.output<typeof conditionSchema>>;
