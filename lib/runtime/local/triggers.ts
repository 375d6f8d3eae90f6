import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { RejectedError } from "../../errors.ts";
import { type Delivery, defaultDelivery, type Subscriber } from "../delivery.ts";
import { attributesSchema, type Filter, filterSchema } from "./filters.ts";
import { scheduleProblem } from "./schedule.ts";

/** Which events go to which function, and how. */
export interface Trigger {
  readonly name: string;
  /** All of them must pass. */
  readonly filters: readonly Filter[];
  readonly subscriber: Subscriber;
  readonly delivery: Delivery;
}

/** An event on a schedule. */
export interface PingSource {
  readonly name: string;
  readonly namespace: string;
  /** Five or six cron fields; with six, the first are seconds. */
  readonly schedule: string;
  /** IANA name. Default: UTC, as in a pod. */
  readonly timezone?: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly extensions: Readonly<Record<string, string>>;
}

/** What a directory of trigger files asks for. */
export interface Wiring {
  readonly triggers: readonly Trigger[];
  readonly sources: readonly PingSource[];
}

const MAX_FILE_BYTES = 256 * 1024;
const MAX_FILES = 1000;
const MAX_ALIASES = 50;

// RFC 1123 label, as Kubernetes names are; annotations of Knative change what it does, others do not
const label = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is not a name of Kubernetes");
const metadata = z.strictObject({
  name: label,
  namespace: label.default("default"),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z
    .record(
      z.string().refine((key) => !/knative\.dev\//.test(key), "is an annotation the embedded broker does not know"),
      z.string(),
    )
    .optional(),
});

const ref = (apiVersion: string, kind: string) =>
  z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), name: label });
const subscriber = z
  .strictObject({
    ref: z.discriminatedUnion("kind", [
      ref("serving.knative.dev/v1", "Service"),
      ref("sinks.knative.dev/v1alpha1", "JobSink"),
    ]),
  })
  .transform((value): Subscriber => ({ kind: value.ref.kind as Subscriber["kind"], name: value.ref.name }));

/** ISO 8601, of fixed length: no years, no months. In milliseconds. */
const duration = z
  .string()
  .regex(/^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/, "is not a duration like PT0.5S")
  .transform((text) => {
    const [, days = 0, hours = 0, minutes = 0, seconds = 0] =
      /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(text) ?? [];
    return Math.round((((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000);
  })
  .refine((milliseconds) => milliseconds <= 7 * 24 * 3600 * 1000, "is longer than a week");

const delivery = z
  .strictObject({
    retry: z.int().min(0).max(100).default(0),
    backoffPolicy: z.enum(["linear", "exponential"]).optional(),
    backoffDelay: duration.optional(),
    timeout: duration.refine((milliseconds) => milliseconds > 0, "must be longer than nothing").optional(),
    retryAfterMax: duration.optional(),
    // how an event is written on the wire, and there is none in this process
    format: z.enum(["json", "binary"]).optional(),
    deadLetterSink: subscriber.optional(),
  })
  .transform(({ format: _, ...rest }): Delivery => rest);

/** knative/eventing pkg/apis/sources/v1/ping_validation.go: JSON data of a PingSource is an object. */
function readObject(text: string, { addIssue }: z.RefinementCtx): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // the issue says so
  }
  addIssue({ code: "custom", message: "is not a JSON object" });
  return z.NEVER;
}

const object = <Kind extends string, Spec extends z.ZodType>(apiVersion: string, kind: Kind, spec: Spec) =>
  z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, spec });

const document = z.discriminatedUnion("kind", [
  object(
    "eventing.knative.dev/v1",
    "Trigger",
    z.strictObject({
      broker: label,
      filter: attributesSchema.optional(),
      filters: z.array(filterSchema).optional(),
      subscriber,
      delivery: delivery.optional(),
    }),
  ),
  object("eventing.knative.dev/v1", "Broker", z.strictObject({ delivery: delivery.optional() }).default({})),
  object(
    "sources.knative.dev/v1",
    "PingSource",
    z
      .strictObject({
        schedule: z.string(),
        timezone: z.string().optional(),
        contentType: z.literal("application/json", { error: 'must be "application/json"' }),
        data: z
          .string()
          .max(64 * 1024)
          .transform(readObject),
        ceOverrides: z
          .strictObject({ extensions: z.record(z.string().regex(/^[a-z0-9]+$/), z.string()).default({}) })
          .optional(),
        sink: z.strictObject({ ref: ref("eventing.knative.dev/v1", "Broker") }),
      })
      .superRefine(({ schedule, timezone }, { addIssue }) => {
        const problem = scheduleProblem(schedule, timezone);
        if (problem) addIssue({ code: "custom", path: ["schedule"], message: problem });
      }),
  ),
  // the Job it runs is the cluster's business; here it is a name that a Trigger may use
  z.object({ apiVersion: z.literal("sinks.knative.dev/v1alpha1"), kind: z.literal("JobSink"), metadata }),
]);
type Document = z.output<typeof document>;
type Of<Kind extends Document["kind"]> = Extract<Document, { kind: Kind }>;

/**
 * Read every `.yaml` file of a directory, as `kubectl apply -f` would.
 *
 * @throws RejectedError TRIGGER_INVALID naming file, object and field for whatever the embedded broker does not do
 */
export async function readTriggers(directory: string): Promise<Wiring> {
  const names = (await readdir(directory).catch(unreadable(directory))).filter((each) => /\.ya?ml$/.test(each)).sort();
  if (names.length > MAX_FILES) throw invalid(directory, `it holds more than ${MAX_FILES} files`);
  const files = [];
  for (const each of names) files.push({ name: each, text: await readText(join(directory, each)) });
  return parseTriggers(files);
}

async function readText(path: string): Promise<string> {
  const file = await open(path).catch(unreadable(path));
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw invalid(path, `it is larger than ${MAX_FILE_BYTES} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** The same for texts at hand. What one file says may be meant for another: they are read together. */
export function parseTriggers(files: readonly { readonly name: string; readonly text: string }[]): Wiring {
  const documents = files.flatMap(({ name: file, text }) => parseDocuments(file, text));
  const only = <Kind extends Document["kind"]>(kind: Kind): readonly Of<Kind>[] =>
    documents.filter((each): each is Of<Kind> & { file: string } => each.kind === kind);
  const names = new Set<string>();
  for (const {
    kind,
    metadata: { name },
    file,
  } of documents) {
    if (names.has(`${kind}/${name}`)) throw invalid(file, `there is another ${kind} "${name}"`);
    names.add(`${kind}/${name}`);
  }
  const brokers = new Set([
    ...only("Trigger").map(({ spec }) => spec.broker),
    ...only("PingSource").map(({ spec }) => spec.sink.ref.name),
    ...only("Broker").map(({ metadata: { name } }) => name),
  ]);
  if (brokers.size > 1) {
    throw invalid(files.map(({ name }) => name).join(", "), `they name several brokers: ${[...brokers].join(", ")}`);
  }
  const defaults = only("Broker")[0]?.spec.delivery;
  return {
    triggers: only("Trigger").map(({ metadata: { name }, spec }) => ({
      name,
      // knative/eventing pkg/broker/filter/filter_handler.go: filters, where there are some, win over filter
      filters: spec.filters?.length ? spec.filters : spec.filter ? [spec.filter] : [],
      subscriber: spec.subscriber,
      delivery: deliveryOf(spec.delivery, defaults),
    })),
    sources: only("PingSource").map(({ metadata: { name, namespace }, spec }) => ({
      name,
      namespace,
      schedule: spec.schedule,
      timezone: spec.timezone,
      data: spec.data,
      extensions: spec.ceOverrides?.extensions ?? {},
    })),
  };
}

/** knative/eventing pkg/reconciler/broker/trigger/trigger.go: one or the other as a whole, but for the dead letters. */
function deliveryOf(own: Delivery | undefined, ofBroker: Delivery | undefined): Delivery {
  return {
    ...(own ?? ofBroker ?? defaultDelivery),
    deadLetterSink: own?.deadLetterSink ?? ofBroker?.deadLetterSink,
  };
}

function parseDocuments(file: string, text: string): readonly (Document & { readonly file: string })[] {
  let parsed: readonly unknown[];
  try {
    parsed = parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((each) => {
      const problem = [...each.errors, ...each.warnings][0];
      if (problem !== undefined) throw problem;
      return each.toJS({ maxAliasCount: MAX_ALIASES });
    });
  } catch (error) {
    throw invalid(file, error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error), error);
  }
  // an empty document, as after a last `---`, is nothing
  return parsed.filter((each) => each !== null).map((each) => ({ ...checkDocument(file, each), file }));
}

function checkDocument(file: string, given: unknown): Document {
  const checked = document.safeParse(given);
  if (checked.success) return checked.data;
  const { kind, metadata: { name = "?" } = {} } = (given ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
  const problems = checked.error.issues.map((issue) => {
    const message = issue.code === "invalid_key" ? issue.issues[0]?.message : issue.message;
    return `${issue.path.join(".") || "document"}: ${message}`;
  });
  throw invalid(file, `${String(kind)} "${String(name)}": ${problems.join("; ")}`);
}

const invalid = (file: string, problem: string, cause?: unknown): RejectedError =>
  new RejectedError("TRIGGER_INVALID", `Cannot use triggers of ${file}: ${problem}`, { cause });

const unreadable = (path: string) => (error: NodeJS.ErrnoException) => {
  throw invalid(path, `it cannot be read (${error.code})`, error);
};
