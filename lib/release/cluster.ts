import { RejectedError, StowageError } from "../errors.ts";
import type { Kube } from "../kube/index.ts";
import { type ReleaseObject, type ReleaseReference, readReleaseObject, releases } from "./object.ts";
import type { Outcome } from "./outcome.ts";
import { isCurrent, withOutcome } from "./progress.ts";

/** How often a status is worked out anew because somebody else wrote it meanwhile. */
const TRIES = 5;

/**
 * The Release of a name as it is now.
 *
 * @returns undefined when it is gone, or going
 * @throws StowageError as {@linkcode Kube} says
 */
export async function findRelease(
  kube: Kube,
  { name, namespace }: { readonly name: string; readonly namespace?: string | undefined },
  signal?: AbortSignal,
): Promise<ReleaseObject | undefined> {
  try {
    const object = readReleaseObject(await kube.get(releases, name, { namespace, signal }));
    return object.isLeaving ? undefined : object;
  } catch (error) {
    if (error instanceof RejectedError && error.code === "KUBE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Every Release of the namespace we work in, but those that are going. */
export async function* listReleases(kube: Kube, signal?: AbortSignal): AsyncGenerator<ReleaseObject> {
  for await (const object of kube.list(releases, { signal })) {
    const release = readReleaseObject(object);
    if (!release.isLeaving) yield release;
  }
}

/**
 * Write an outcome into the status of a Release. What is known already is not written again; nothing is made by being reported.
 *
 * @returns false when it is about a Release that is gone, or an older spec
 * @throws TransientError KUBE_CONFLICT when others write without end, and as {@linkcode Kube} says
 */
export async function reportOutcome(
  kube: Kube,
  reference: ReleaseReference,
  outcome: Outcome,
  signal?: AbortSignal,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const release = await findRelease(kube, reference, signal);
    if (release === undefined || !isCurrent(release, reference)) return false;
    const status = withOutcome(release, outcome);
    if (status === undefined) return true;
    const { apiVersion, kind } = releases;
    const { namespace, name, uid, resourceVersion } = release;
    const object = { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion }, status };
    try {
      // by force: nobody else has a say in the status
      await kube.apply(releases, object, { subresource: "status", force: true, signal });
      return true;
    } catch (error) {
      const code = error instanceof StowageError ? error.code : undefined;
      if (code === "KUBE_NOT_FOUND") return false;
      if (code !== "KUBE_CONFLICT" || attempt === TRIES) throw error;
    }
  }
}
