import * as z from "zod";

const host = z
  .string()
  .regex(/^(\[[a-fA-F0-9:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, "must be a host, with :port where it has one");
// https://github.com/distribution/reference/blob/v0.6.0/regexp.go
const pathPart = z.string().regex(/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/, "must be one part of a repository's name");
const repository = z
  .string()
  .regex(/^(\[[a-fA-F0-9:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(\/[a-z0-9._-]+)+$/, "must be a host and a repository of it");
const pattern = z.string().regex(/^[\w.:[\]/*-]{1,500}$/, "must be a host and a repository, with * for any part");
const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });

const secretReference = z
  .strictObject({
    file: z.string().min(1).optional().meta({ description: "File that holds it, read anew for each use" }),
    env: z
      .string()
      .regex(/^[A-Za-z_]\w*$/, "must be the name of a variable")
      .optional()
      .meta({ description: "Or the environment variable that holds it" }),
  })
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
    error: "names either a file or a variable",
  });

/** Where a secret is found; never the secret itself. */
export type SecretReference = Readonly<z.output<typeof secretReference>>;

const webhookSource = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and dashes")
    .meta({ description: "Its webhooks go to `/hooks/<name>`" }),
  kind: z.enum(["distribution", "harbor", "zot", "quay", "azure", "aliyun", "gitea", "github"]).meta({
    description: "Who sends",
  }),
  registry: host.max(255).meta({ description: "The registry it stands for, as references name it" }),
  aliases: z.array(host).default([]).meta({ description: "Other hosts its notifications may call that registry" }),
  secrets: z
    .array(secretReference)
    .min(1)
    .max(2)
    .meta({ description: "What proves the sender, at least 16 characters; a second one while it replaces the first" }),
});

const chartReader = z.strictObject({
  user: z
    .string()
    // a colon would end it: https://www.rfc-editor.org/rfc/rfc7617#section-2
    .regex(/^[^:\p{Cc}]{1,255}$/u, "must be a name without colon")
    .optional()
    .meta({ description: "Of a user with a password; without it the secret is a bearer token" }),
  secret: secretReference.meta({ description: "The password or token" }),
});

const bucket = z
  .strictObject({
    bucket: z
      .string()
      .regex(/^(s3|oss):\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be s3://BUCKET or oss://BUCKET")
      .meta({ description: "The bucket, as URLs of stores begin" }),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, "must be the name of a region")
      .optional()
      .meta({ description: "As the service names it. Default: $AWS_REGION, $OSS_REGION" }),
    endpoint: httpUrl.optional().meta({
      description: "URL of the service. Default: $AWS_ENDPOINT_URL_S3, $OSS_ENDPOINT, else the region's",
    }),
    pathStyle: z.boolean().optional().meta({
      description:
        "The bucket is part of the path and not of the host. Default: s3 with an endpoint, oss with an address",
    }),
    internal: z.boolean().optional().meta({ description: "oss: use the endpoint inside of the region" }),
    cname: z.boolean().optional().meta({ description: "oss: the endpoint is the bucket's own domain" }),
    stsEndpoint: httpUrl.optional().meta({
      description: "oss: URL of the service that gives credentials for roles. Default: the region's",
    }),
    partBytes: z
      .int()
      .min(5 * 1024 * 1024)
      .max(512 * 1024 * 1024)
      .optional()
      .meta({ description: "Bytes of a part of large objects; four parts are in memory. Default: 8 MiB" }),
    accessKeyId: secretReference.optional().meta({ description: "Default: the environment's, or a role's" }),
    accessKeySecret: secretReference.optional(),
    securityToken: secretReference.optional().meta({ description: "Of temporary credentials" }),
  })
  .refine(({ accessKeyId, accessKeySecret }) => (accessKeyId === undefined) === (accessKeySecret === undefined), {
    error: "accessKeyId and accessKeySecret belong together",
  });

/** What stowage.yaml may hold. Strict: a field nobody reads is a mistake somebody should hear about. */
export const configSchema = z.strictObject({
  store: z.string().min(1).default("file:./stowage-data/store").meta({
    description: "URL of the store: file:DIR, s3://BUCKET/PREFIX, oss://BUCKET/PREFIX or memory:",
  }),
  stores: z
    .array(bucket)
    .default([])
    .meta({ description: "How buckets are reached, where the environment does not say it: docs/stores.md" })
    .refine((all) => new Set(all.map((one) => one.bucket)).size === all.length, "names one bucket twice"),
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
      registries: z.array(host).default([]).meta({ description: "Registries whose repositories a reconcile asks for" }),
      repositories: z.array(repository).default([]).meta({
        description: "`host/repository`: looked at by a reconcile, for registries that cannot list theirs",
      }),
      include: z.array(pattern).default([]).meta({
        description:
          "Patterns of `host/repository` to index: `*` is any text without a slash, `**` any text. Default: all",
      }),
      exclude: z.array(pattern).default([]).meta({ description: "The same, of what is left out" }),
      split: z.enum(["whole", "projects", "both"]).default("whole").meta({
        description: "One index of everything, one per project (the first part of a repository's name), or both",
      }),
      maxBytes: z
        .int()
        .min(1)
        .default(100_000_000)
        .meta({ description: "Size of index.yaml above which a warning is logged: what its readers take" }),
    })
    .prefault({}),
  charts: z
    .strictObject({
      readers: z.array(chartReader).max(100).default([]).meta({
        description: "Who may read the chart repository. Default: everybody",
      }),
      maxAgeSeconds: z.int().min(0).max(3600).default(0).meta({
        description:
          "How old what an instance knows of the index may be; 0: the store is asked whether there is a newer one",
      }),
      maxStaleSeconds: z.int().min(0).default(86_400).meta({ description: "The same while the store does not answer" }),
      memoryBytes: z
        .int()
        .min(0)
        .default(16 * 1024 * 1024)
        .meta({
          description: "Bytes of the index that are kept in memory; what is larger is read from the store each time",
        }),
    })
    .prefault({}),
  bundles: z
    .strictObject({
      signingKey: secretReference.optional().meta({
        description: "Private key (ed25519, PEM) that signs bundles: docs/bundles.md. Default: none is signed",
      }),
    })
    .prefault({}),
  webhooks: z
    .strictObject({
      sources: z.array(webhookSource).default([]).meta({ description: "Who may send webhooks: docs/webhooks.md" }),
      distribution: z
        .strictObject({
          secretFile: z.string().min(1).meta({
            description:
              "A source `distribution` for every registry that this configuration names, and those of this machine: the file with its secret",
          }),
        })
        .optional(),
    })
    .prefault({})
    .refine(
      ({ sources, distribution }) => {
        const names = [...sources.map(({ name }) => name), ...(distribution ? ["distribution"] : [])];
        return new Set(names).size === names.length;
      },
      { error: "names one source twice", path: ["sources"] },
    ),
  sink: httpUrl.optional().meta({ description: "Where events go: the broker's ingress. Default: $K_SINK" }),
  jobs: z
    .strictObject({
      templates: z.string().min(1).default("/etc/stowage-jobs").meta({
        description: "Directory of what Jobs are made of where there is no JobSink: `<function>.yaml`",
      }),
    })
    .prefault({}),
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
