import * as z from "zod";

const digest = z.string().regex(/^sha256:[a-f0-9]{64}$/, "must be sha256: and 64 hex digits");
const name = z.string().min(1).max(255);
const key = z.string().min(1).max(1024);
const count = z.int().min(0);
const host = z.string().regex(/^[\w.:[\]-]{1,300}$/, "must be a host, with :port where it has one");
/** Names and versions of releases become parts of store keys. */
const segment = z
  .string()
  .regex(/^\w[\w.+-]{0,99}$/, "must be letters, digits, dots, dashes, underscores and plus signs");
/** Whose images went over which hop. */
const mirrored = {
  release: segment.optional(),
  version: segment.optional(),
  from: host.optional().describe("Absent when each image was pulled from the host it names"),
  to: host,
  images: count.describe("How many images the lists name"),
  copied: count,
  present: count.describe("Images of which nothing had to be written"),
  report: key.describe("Store key of the report (JSON); miss_image.txt and miss_push_image.txt lie beside it"),
};
const seconds = z.number().min(0);
/** Whose images were looked for, and how many there are. */
const imagesOf = {
  chart: name.optional().describe("Name of the chart; absent for a release"),
  release: segment.optional().describe("Name of the release; absent for a chart"),
  version: name,
  digest: digest.optional().describe("Digest of the chart archive"),
  images: count.describe("How many images are required"),
  optional: count.describe("Images that named switches bring in"),
  possible: count.describe("Images on branches that were not taken"),
  suspected: count.describe("Images that only values or annotations name"),
};

/** One version of a chart and where its registry keeps it. */
const chartVersion = z.object({
  name,
  version: name,
  /** Digest of the chart archive (the layer), not of the manifest. */
  digest,
  /** `oci://host/repository:tag` */
  reference: z.string().min(1),
});

/**
 * The whole object, of which this much is read. The extension attributes `kind`, `apiversion`, `name` and `namespace` come
 * from the source (knative/eventing pkg/adapter/apiserver/events/events.go).
 */
const clusterObject = z.object({
  apiVersion: name,
  kind: name,
  metadata: z.object({ name, namespace: name.optional(), generation: count.optional() }),
  status: z.object({ observedGeneration: count.optional() }).optional(),
});

interface EventDefinition {
  /** One sentence for docs/events.md: what has happened. */
  readonly summary: string;
  readonly data: z.ZodType<object>;
  /** Fields of `data` that are repeated as extension attributes, in lower case, because triggers cannot see data. */
  readonly promote: readonly string[];
}

/**
 * Every event stowage understands: the authority that types, checks, docs/events.md and JSON Schemas derive from.
 *
 * A new event is one entry here. A breaking change is a new entry `….vN`; both live until the old one is unwired. Data
 * carries references, not payloads; whatever may grow without bound lies in the store, and the event carries its key.
 */
export const catalogue = {
  "dev.stowage.artifact.pushed.v1": {
    summary: "A registry reports that a tag was written. A hint: whoever acts on it reads the registry again.",
    data: z.object({
      registry: name.describe("Host of the registry, with port where it has one"),
      repository: name,
      tag: name.optional().describe("Absent when a manifest was pushed by digest only"),
      digest: digest.optional().describe("Digest of the manifest, where the registry says it"),
      mediaType: z.string().optional(),
      artifactKind: z.enum(["chart", "image", "unknown"]),
    }),
    promote: ["registry", "repository", "tag", "digest", "artifactKind"],
  },
  "dev.stowage.artifact.deleted.v1": {
    summary: "A registry reports that a tag, a manifest or a whole repository was deleted. A hint as well.",
    data: z.object({
      registry: name,
      repository: name,
      tag: name.optional(),
      digest: digest.optional(),
    }),
    promote: ["registry", "repository", "tag", "digest"],
  },
  "dev.stowage.index.updated.v1": {
    summary: "The chart index has changed. Not sent when an event led to no change.",
    data: z.object({
      digest: digest.describe("Digest of the index.yaml that was written"),
      charts: z.int().min(0).describe("Chart versions in the index now"),
      added: z.array(chartVersion).max(50),
      changed: z.array(chartVersion).max(50).describe("Same name and version, other bytes"),
      removed: z.array(z.object({ name, version: name })).max(50),
      counts: z.object({ added: count, changed: count, removed: count }).describe("Of all that changed"),
      truncated: z.boolean().describe("More changed than fits: read the index"),
    }),
    promote: ["digest"],
  },
  "dev.stowage.images.requested.v1": {
    summary: "Somebody wants to know the images of a release.",
    data: z.object({
      release: z.record(z.string(), z.unknown()).describe("A release description: docs/release.md"),
      optional: z
        .boolean()
        .optional()
        .describe("Find also what the values leave out; it is told beside the list, never in it: docs/image-lists.md"),
    }),
    promote: [],
  },
  "dev.stowage.images.listed.v1": {
    summary: "Every image that one chart version or release needs is known, and lies in the store.",
    data: z.object({
      ...imagesOf,
      key: key.describe("Store key of the findings (JSON): why each image is there"),
      list: key.optional().describe("Store key of images.list; of releases"),
      lock: key
        .optional()
        .describe("Store key of the lock (JSON): the digest and platforms of each image; of releases"),
      lockDigest: digest.optional().describe("The same images at the same digests have the same lock"),
      difference: z
        .object({
          key: key.describe("Store key of the difference (JSON)"),
          against: name.describe("The release version whose list was there before; the same one when it changed"),
          added: count,
          removed: count,
          changed: count.describe("Repositories with other tags"),
          moved: count.describe("Tags that lead to another digest than before"),
        })
        .optional()
        .describe("What changed since the list before; absent for the first one, and for charts"),
    }),
    promote: ["chart", "release", "version"],
  },
  "dev.stowage.images.incomplete.v1": {
    summary:
      "The images of a chart version or release are not all known, or not all there. A list from before stays as it is.",
    data: z.object({
      ...imagesOf,
      key: key.optional().describe("Store key of the findings (JSON); absent when nothing of a chart is known"),
      unresolved: count.describe("Charts and texts whose images are not known"),
      missing: count.describe("Required images that their registries do not have or do not give; asked of releases"),
      reason: z.string().max(500),
    }),
    promote: ["chart", "release", "version"],
  },
  "dev.stowage.bundle.requested.v1": {
    summary: "Somebody wants an installer bundle of a release.",
    data: z.object({
      release: z.record(z.string(), z.unknown()).describe("A release description: docs/release.md"),
      to: z
        .string()
        .max(1024)
        .optional()
        .describe("Store URL; default: the description's, else releases/<name>/<version>/ of the own store"),
      base: z
        .string()
        .max(2048)
        .regex(/^[a-z0-9]+:.*\/[^/]+$/, "must be the URL of a store, a slash and a key")
        .optional()
        .describe("A bundle that the customer has, as `<store URL>/<key>`: what it holds is left out"),
    }),
    promote: [],
  },
  "dev.stowage.bundle.built.v1": {
    summary: "An installer bundle is complete in the store.",
    data: z.object({
      release: name,
      version: name,
      store: z.string().describe("URL of the store that holds it"),
      key,
      sha256: z.string().regex(/^[a-f0-9]{64}$/),
      size: z.int().min(0).describe("Bytes"),
      images: z.int().min(0),
      moved: z.int().min(0).describe("Bytes read from registries"),
      reused: z.int().min(0).describe("Bytes that did not have to be read from there again"),
      copied: z.int().min(0).default(0).describe("Bytes that the store copied by itself, and was not sent"),
      volumes: z.int().min(1).optional().describe("How many volumes it was split into: `<key>.001` and on"),
      seconds,
    }),
    promote: ["release", "version"],
  },
  "dev.stowage.bundle.failed.v1": {
    summary:
      "An installer bundle cannot be built: images are missing or have changed, or those of a chart are not known.",
    data: z.object({ release: name, version: name, code: name, reason: z.string().max(4000) }),
    promote: ["release", "version"],
  },
  "dev.stowage.mirror.requested.v1": {
    summary:
      "Somebody wants the images of lists mirrored, over one or more hops; the next begins after a complete one.",
    data: z
      .object({
        release: segment.optional().describe("Release the images belong to; its reports lie with it"),
        version: segment.optional().describe("Goes with `release`"),
        lists: z.array(key).max(10).default([]).describe("Store keys of image lists"),
        images: z.array(z.string().max(512)).max(100).default([]).describe("Lines of a short list"),
        form: z
          .enum(["project", "reference"])
          .default("project")
          .describe("How lines spell images: `project/name:tag`, or `host/path:tag`"),
        hops: z
          .array(z.object({ from: host.optional(), to: host }))
          .min(1)
          .max(8)
          .describe("Hosts. Without `from`, each image is pulled from the host it names"),
        platforms: z
          .array(z.string().max(100))
          .min(1)
          .max(16)
          .optional()
          .describe("Such as `linux/amd64`; default: all"),
        rewriteIndex: z.boolean().optional().describe("With platforms, for targets that refuse an index with gaps"),
        recheck: z.boolean().optional().describe("Look again at images whose tag is right at the target"),
      })
      .refine(({ lists, images }) => lists.length + images.length > 0, "names neither lists nor images")
      .refine(({ release, version }) => (release === undefined) === (version === undefined), {
        error: "release and version go together",
      }),
    promote: ["release", "version"],
  },
  "dev.stowage.images.mirrored.v1": {
    summary: "Every image of the lists is at the last hop's target. What was there already was not moved.",
    data: z.object({
      ...mirrored,
      bytes: count.describe("Bytes of configs and layers that moved"),
      reused: count.describe("Bytes that did not have to move"),
      seconds,
    }),
    promote: ["release", "version"],
  },
  "dev.stowage.mirror.incomplete.v1": {
    summary: "A hop did not bring every image to its target, or was refused before it began. No further hop begins.",
    data: z.object({
      ...mirrored,
      missing: count.describe("Images that are not at the source"),
      denied: count,
      failed: count,
      defects: count.describe("Errors in the lists: with any, nothing is mirrored"),
      reason: z.string().max(500),
    }),
    promote: ["release", "version"],
  },
  "dev.stowage.release.refused.v1": {
    summary: "A Release of the cluster cannot be followed: its description is not valid.",
    data: z.object({ code: name, reason: z.string().max(1000) }),
    promote: [],
  },
  "dev.stowage.run.failed.v1": {
    summary:
      "A function failed on an event: in a Job, or for good on one that a Release of the cluster waits for (then the event is a dead letter).",
    data: z.object({
      function: name,
      type: name.describe("Type of the event it ran on"),
      code: name,
      reason: z.string().max(1000),
      again: z
        .boolean()
        .describe("Whether the same may succeed later, and the Job tries again while it has tries left"),
    }),
    promote: ["function"],
  },
  "dev.knative.apiserver.resource.add": {
    summary: "An ApiServerSource saw a new object. A hint: whoever acts on it reads the object again.",
    data: clusterObject,
    promote: [],
  },
  "dev.knative.apiserver.resource.update": {
    summary: "An ApiServerSource saw that an object changed, be it only its status. A hint as well.",
    data: clusterObject,
    promote: [],
  },
  "dev.knative.sources.ping": {
    summary: "A PingSource of triggers/ fired. The extension attribute `task` says for whom.",
    data: z.object({ task: name }),
    promote: ["task"],
  },
} as const satisfies Record<string, EventDefinition>;

export type EventType = keyof typeof catalogue;
export type EventData<T extends EventType> = z.output<(typeof catalogue)[T]["data"]>;

export const eventTypes = Object.keys(catalogue) as readonly EventType[];
export const isEventType = (type: string): type is EventType => Object.hasOwn(catalogue, type);

/** The JSON Schema (2020-12) of an event's data. */
export const dataSchema = (type: EventType): object => z.toJSONSchema(catalogue[type].data, { io: "input" });
