import { open } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import * as z from "zod";
import { RejectedError } from "../errors.ts";

const MAX_BYTES = 256 * 1024;
const MAX_ALIASES = 50;

const named = z.looseObject({ name: z.string() });
const seccompProfile = z.looseObject({ type: z.enum(["RuntimeDefault", "Localhost"]) });
const notAllowed = z.never("is not allowed").optional();
/** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and nothing to write to but volumes. */
const container = z.looseObject({
  name: z.string(),
  env: z.array(named).default([]),
  ports: z.array(z.looseObject({ hostPort: notAllowed })).optional(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
  securityContext: z.looseObject({
    privileged: z.literal(false).optional(),
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    runAsNonRoot: z.literal(true).optional(),
    runAsUser: z.int().min(1).optional(),
    seccompProfile: seccompProfile.optional(),
    capabilities: z.strictObject({
      drop: z.array(z.string()).refine((all) => all.includes("ALL"), "must hold ALL"),
    }),
  }),
});
const volume = named.extend({
  hostPath: notAllowed,
  projected: z
    .looseObject({ sources: z.array(z.looseObject({ serviceAccountToken: notAllowed })).optional() })
    .optional(),
});
const off = z.literal(false).optional();

/**
 * What every Job must be, whatever it runs: it ends, goes away, starts with no token and no rights on its node. Everything
 * else is the template's own matter, and the API server's.
 */
const templateSchema = z.looseObject({
  apiVersion: z.literal("batch/v1"),
  kind: z.literal("Job"),
  metadata: z
    .looseObject({
      name: z.never("the name is made of the event").optional(),
      labels: z.record(z.string(), z.string()).default({}),
      annotations: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
  spec: z.looseObject({
    ttlSecondsAfterFinished: z.int().min(0),
    activeDeadlineSeconds: z.int().min(1),
    template: z.looseObject({
      spec: z.looseObject({
        restartPolicy: z.literal("Never"),
        automountServiceAccountToken: z.literal(false),
        hostNetwork: off,
        hostPID: off,
        hostIPC: off,
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.int().min(1).optional(),
          seccompProfile,
        }),
        containers: z.array(container).min(1),
        initContainers: z.array(container).optional(),
        volumes: z.array(volume).default([]),
      }),
    }),
  }),
});

/** A Job without name, as the `spec.job` of a JobSink is. */
export type JobTemplate = Readonly<z.output<typeof templateSchema>>;

/** Functions are named so, and so are their templates. Job names need 33 characters more, and have 63. */
const NAME = /^[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?$/;

/**
 * Read the template of a function's Jobs: `<directory>/<function>.yaml`, rendered by whoever installs stowage.
 *
 * @throws RejectedError CONFIG_INVALID when there is none: the function does not run in Jobs; or with all that is wrong with it
 */
export async function readTemplate(directory: string, name: string): Promise<JobTemplate> {
  const refuse = (why: string, cause?: unknown): RejectedError =>
    new RejectedError("CONFIG_INVALID", `Cannot use Job template "${name.slice(0, 100)}": ${why}`, { cause });
  if (!NAME.test(name)) throw refuse("no function is called that");
  const text = await readText(join(directory, `${name}.yaml`)).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code ?? error.message, error);
  });
  const parsed = templateSchema.safeParse(readYaml(text, refuse));
  if (parsed.success) return parsed.data;
  throw refuse(parsed.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`).join("; "));
}

function readYaml(text: string, refuse: (why: string, cause?: unknown) => RejectedError): unknown {
  const document = parseDocument(text, { uniqueKeys: true, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) throw refuse(error.message.split("\n", 1)[0]!, error);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw refuse("it uses too many aliases", error);
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
