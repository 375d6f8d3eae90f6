import { z } from "zod";

const host = z
  .string()
  .regex(/^(\[[a-fA-F0-9:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, "must be a host, with :port where it has one");
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
      }),
    )
    .default([])
    .refine((all) => new Set(all.map((one) => one.host)).size === all.length, "names one host twice"),
  credentials: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: "Files of the dockerconfigjson form, looked at before the usual places" }),
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
