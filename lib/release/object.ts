import * as z from "zod";
import { RejectedError } from "../errors.ts";
import type { KubeObject, Resource } from "../kube/index.ts";
import { type ReleaseStatus, statusSchema } from "./status-schema.ts";

/** Where the API server has Releases. */
export const releases = {
  apiVersion: "stowage.dev/v1alpha1",
  kind: "Release",
  plural: "releases",
} as const satisfies Resource;

/** One Release at one state of its spec: what events of its pipeline belong to. */
export interface ReleaseReference {
  readonly namespace: string;
  readonly name: string;
  /** Tells it from one that took its name later. */
  readonly uid: string;
  /** Counts changes of the spec. */
  readonly generation: number;
}

/** A Release as the API server gave it. */
export interface ReleaseObject extends ReleaseReference {
  readonly resourceVersion: string;
  /** Somebody has deleted it, and something still holds it. */
  readonly isLeaving: boolean;
  /** Not checked: what the schema of the cluster lets pass may still be no description. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: ReleaseStatus | undefined;
}

const objectSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    generation: z.int(),
    resourceVersion: z.string(),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.record(z.string(), z.unknown()),
  // one that is not ours is written anew
  status: statusSchema.optional().catch(undefined),
});

/** Read a Release. @throws RejectedError KUBE_REFUSED when the API server gave something else */
export function readReleaseObject(object: KubeObject): ReleaseObject {
  const parsed = objectSchema.safeParse(object);
  if (!parsed.success) {
    const { name } = object.metadata;
    throw new RejectedError("KUBE_REFUSED", `Cannot read Release "${name}": the API server gave no Release`, {
      cause: parsed.error,
    });
  }
  const { metadata, spec, status } = parsed.data;
  const { deletionTimestamp, ...identity } = metadata;
  return { ...identity, isLeaving: deletionTimestamp !== undefined, spec, status };
}

/**
 * The extension attribute that names the Release in all events of its pipeline: triggers ask for its first part, `follow` of
 * lib/events carries it on.
 */
const ATTRIBUTE = "resource";
const PREFIX = `${releases.plural}.stowage.dev`;
const FORM = /^releases\.stowage\.dev\/([^/]+)\/([^/]+)\/([^/]+)\/([1-9]\d{0,15})$/;

/** The extension for events that belong to a Release. */
export const extensionOf = ({ namespace, name, uid, generation }: ReleaseReference) => ({
  [ATTRIBUTE]: [PREFIX, namespace, name, uid, generation].join("/"),
});

/**
 * The Release an event belongs to.
 *
 * @returns undefined for an event that belongs to none
 * @throws RejectedError EVENT_INVALID when it says so and is not understood
 */
export function releaseOf(event: {
  readonly id: string;
  readonly extensions: Readonly<Record<string, string>>;
}): ReleaseReference | undefined {
  const text = event.extensions[ATTRIBUTE];
  if (text === undefined || !text.startsWith(`${PREFIX}/`)) return undefined;
  const [, namespace, name, uid, generation] = FORM.exec(text) ?? [];
  if (namespace === undefined || name === undefined || uid === undefined) {
    throw new RejectedError(
      "EVENT_INVALID",
      `Cannot tell the Release of event "${event.id}" from "${text.slice(0, 300)}"`,
    );
  }
  return { namespace, name, uid, generation: Number(generation) };
}
