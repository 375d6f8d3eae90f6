import { type ErrorCode, RejectedError, StowageError, TransientError } from "../errors.ts";
import { derivedId, toStructured, type WireEvent } from "../events/index.ts";
import type { Kube, KubeObject, Resource } from "../kube/index.ts";
import type { JobTemplate } from "./template.ts";

const jobs = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" } as const satisfies Resource;
const secrets = { apiVersion: "v1", kind: "Secret", plural: "secrets" } as const satisfies Resource;

/** Volume, variable and place are those of JobSink (knative/eventing cmd/jobsink/main.go): a template does for both. */
const VOLUME = "jobsink-event";
const MOUNT_PATH = "/etc/jobsink-event";
const PATH_VARIABLE = "K_EVENT_PATH";
const SECRET_KEY = "event";
/** Kubernetes' limit for all data of a Secret (k8s.io/api/core/v1 MaxSecretSize). */
const MAX_EVENT_BYTES = 1024 * 1024;

/** What tells an event from all others. */
export type EventIdentity = Pick<WireEvent, "source" | "id">;

/** How far the Job of an event is. */
export interface JobState {
  /** Of the Job. */
  readonly name: string;
  readonly state: "running" | "complete" | "failed";
  /** Why it failed, as Kubernetes says it. */
  readonly reason?: string;
}

/** The same event always gives the same Job, so that a redelivery finds it again. */
const nameOf = (fn: string, { source, id }: EventIdentity): string => `${fn}-${derivedId(source, id)}`;

/**
 * Run a function on an event in a Job of its own, as a JobSink does: the event lies in a Secret that belongs to the Job and goes
 * with it.
 *
 * The Job comes first, since the Secret has to name its owner; its pods wait for the Secret. Whoever dies in between is
 * delivered again and makes the Secret then. A Job that is there already, running or over, is left as it is: it has tries
 * of its own.
 *
 * @returns the name of the Job
 * @throws RejectedError EVENT_TOO_LARGE
 * @throws StowageError as {@linkcode Kube} says
 */
export async function startJob(
  kube: Kube,
  fn: string,
  template: JobTemplate,
  event: WireEvent,
  signal?: AbortSignal,
): Promise<string> {
  const name = nameOf(fn, event);
  const content = Buffer.from(JSON.stringify(toStructured(event)));
  if (content.byteLength > MAX_EVENT_BYTES) {
    throw new RejectedError(
      "EVENT_TOO_LARGE",
      `Cannot start a Job of event "${event.id}": it has ${content.byteLength} bytes, and a Secret ${MAX_EVENT_BYTES}`,
    );
  }
  const job = await createOrGet(kube, jobs, jobOf(name, fn, template, event), signal);
  // nobody needs it any more, and it may be gone already
  if (stateOf(job) !== "running") return name;
  const { apiVersion, kind } = jobs;
  const owner = { apiVersion, kind, name, uid: job.metadata.uid, controller: true, blockOwnerDeletion: false };
  const secret = await createOrGet(kube, secrets, secretOf(name, fn, owner, content), signal);
  if (ownersOf(secret).includes(job.metadata.uid)) return name;
  throw new TransientError(
    "KUBE_CONFLICT",
    `Cannot give Job "${name}" its event: the Secret is still that of an earlier Job of this name`,
  );
}

/** Find the Job of an event again. @returns undefined when there was none, or it has gone since */
export async function findJob(
  kube: Kube,
  fn: string,
  event: EventIdentity,
  signal?: AbortSignal,
): Promise<JobState | undefined> {
  const name = nameOf(fn, event);
  try {
    const job = await kube.get(jobs, name, { signal });
    const reason = conditionOf(job, "Failed")?.["message"];
    return { name, state: stateOf(job), ...(typeof reason === "string" && { reason }) };
  } catch (error) {
    if (isError(error, "KUBE_NOT_FOUND")) return undefined;
    throw error;
  }
}

async function createOrGet(
  kube: Kube,
  resource: Resource,
  object: KubeObject,
  signal: AbortSignal | undefined,
): Promise<KubeObject> {
  try {
    return await kube.create(resource, object, { signal });
  } catch (error) {
    if (!isError(error, "KUBE_EXISTS")) throw error;
  }
  const { name } = object.metadata;
  const going = (cause?: unknown) =>
    new TransientError("KUBE_CONFLICT", `Cannot make ${resource.plural} "${name}": the one before is just going`, {
      cause,
    });
  try {
    const found = await kube.get(resource, name, { signal });
    if (found.metadata["deletionTimestamp"] === undefined) return found;
  } catch (error) {
    throw isError(error, "KUBE_NOT_FOUND") ? going(error) : error;
  }
  throw going();
}

const isError = (error: unknown, code: ErrorCode): boolean => error instanceof StowageError && error.code === code;

function jobOf(name: string, fn: string, template: JobTemplate, { source, id, type }: WireEvent): KubeObject {
  const { metadata, spec } = template;
  const pod = spec.template.spec;
  const volume = { name: VOLUME, secret: { secretName: name } };
  return {
    ...template,
    metadata: {
      ...metadata,
      name,
      labels: { ...metadata.labels, "stowage.dev/function": fn },
      annotations: {
        ...metadata.annotations,
        "stowage.dev/event-source": source,
        "stowage.dev/event-id": id,
        "stowage.dev/event-type": type,
      },
    },
    spec: {
      ...spec,
      template: {
        ...spec.template,
        spec: {
          ...pod,
          containers: pod.containers.map(withEvent),
          volumes: [...pod.volumes.filter((each) => each.name !== VOLUME), volume],
        },
      },
    },
  };
}

/** A template may say itself where the event is mounted. */
function withEvent(container: JobTemplate["spec"]["template"]["spec"]["containers"][number]) {
  const { env, volumeMounts } = container;
  const { mountPath = MOUNT_PATH } = volumeMounts.find(({ name }) => name === VOLUME) ?? {};
  return {
    ...container,
    env: [...env.filter(({ name }) => name !== PATH_VARIABLE), { name: PATH_VARIABLE, value: mountPath }],
    volumeMounts: [...volumeMounts.filter(({ name }) => name !== VOLUME), { name: VOLUME, mountPath, readOnly: true }],
  };
}

const secretOf = (name: string, fn: string, owner: object, content: Buffer): KubeObject => ({
  apiVersion: secrets.apiVersion,
  kind: secrets.kind,
  metadata: { name, labels: { "stowage.dev/function": fn }, ownerReferences: [owner] },
  type: "Opaque",
  immutable: true,
  data: { [SECRET_KEY]: content.toString("base64") },
});

function stateOf(job: KubeObject): JobState["state"] {
  if (conditionOf(job, "Complete") !== undefined) return "complete";
  return conditionOf(job, "Failed") === undefined ? "running" : "failed";
}

/** https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions */
function conditionOf({ status }: KubeObject, type: string): Readonly<Record<string, unknown>> | undefined {
  const { conditions = [] } = (status ?? {}) as { conditions?: readonly Readonly<Record<string, unknown>>[] };
  return conditions.find((condition) => condition["type"] === type && condition["status"] === "True");
}

function ownersOf({ metadata }: KubeObject): readonly unknown[] {
  const owners = (metadata["ownerReferences"] ?? []) as readonly { readonly uid: string }[];
  return owners.map(({ uid }) => uid);
}
