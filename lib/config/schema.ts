import * as z from "zod";

const host = z
  .string()
  .regex(/^(\[[a-fA-F0-9:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, "must be a host, with :port where it has one");
// https://github.com/distribution/reference/blob/v0.6.0/regexp.go
const pathPart = z.string().regex(/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/, "must be one part of a repository's name");
const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });

/** What stowage.yaml may hold. Strict: a field nobody reads is a mistake somebody should hear about. */
export const configSchema = z.strictObject({
  store: z.string().min(1).default("file:./stowage-data/store").meta({
    description: "URL of the store: file:DIR or memory:",
  }),
  registries: z
    .array(
      z.strictObject({
        host: host.meta({ description: "The registry's name as references carry it" }),
        endpoint: httpUrl.optional().meta({ description: "Where it is really reached, when not at its name" }),
        scheme: z.enum(["http", "https", "auto"]).optional().meta({
          description: "Default: http for loopback hosts, https for all others; auto tries https, then http",
        }),
        maxConcurrency: z.int().min(1).max(256).optional().meta({
          description: "Requests under way at once at most, of those that read and of those that write. Default: 16",
        }),
        maxUploadBytes: z
          .int()
          .min(1024 * 1024)
          .optional()
          .meta({
            description:
              "Bytes a single request may carry; larger blobs go up in parts. Default: what the registry takes",
          }),
        renameWhenSource: z.record(pathPart, pathPart).optional().meta({
          description:
            "When images are mirrored from it: what the first part of their path is called there, by its name in the lists",
        }),
        mustBeEmpty: z.boolean().optional().meta({
          description: "When images are mirrored to it: refuse while it holds any image that is not in the lists",
        }),
      }),
    )
    .default([])
    .refine((all) => new Set(all.map((one) => one.host)).size === all.length, "names one host twice"),
  credentials: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: "Files of the dockerconfigjson form, looked at before the usual places" }),
  lists: z
    .strictObject({
      projects: z
        .array(z.union([pathPart, z.literal("*")]))
        .min(1)
        .default(["release", "library"])
        .meta({ description: "What the first part of a line may be in image lists without hosts; `*` allows all" }),
    })
    .prefault({}),
  index: z
    .strictObject({
      registries: z.array(host).default([]).meta({ description: "Registries that a reconcile walks" }),
    })
    .prefault({}),
  webhooks: z
    .strictObject({
      distribution: z
        .strictObject({
          secretFile: z.string().min(1).meta({ description: "File with the token notifications must carry" }),
        })
        .optional(),
    })
    .prefault({}),
  sink: httpUrl.optional().meta({ description: "Where events go: the broker's ingress. Default: $K_SINK" }),
  embedded: z
    .strictObject({
      registry: host.default("registry.stowage.internal").meta({
        description: "Name of the embedded registry in events, references and the index",
      }),
    })
    .prefault({}),
});

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** The operator's decisions: validated, complete, frozen. */
export type Config = DeepReadonly<z.output<typeof configSchema>>;
