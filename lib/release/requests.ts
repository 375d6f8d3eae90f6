import { RejectedError } from "../errors.ts";
import { type Event, type EventData, type EventType, follow } from "../events/index.ts";
import { type Delivery, deliveryFields, deliverySchema } from "./delivery.ts";
import { extensionOf, type ReleaseObject, releases } from "./object.ts";
import { statusNow, wantedSteps } from "./progress.ts";
import type { Condition, Step } from "./status-schema.ts";

/**
 * Bytes of a description. Events carry it, an ApiServerSource sends the whole object, and an object with many entries is twice as
 * large: then the event still fits into the MiB that hosts take.
 */
const MAX_DESCRIPTION = 384 * 1024;
/** What people read of all problems. */
const MAX_REASON = 1000;
/** Milliseconds that what was asked for may take before it counts as lost. A Job may take longer: it is found again. */
const PATIENCE = 3_600_000;

/**
 * What has to be asked for next: the list of images, then all that needs it; nothing that has come to an end, or was asked
 * for within the last hour.
 *
 * The events follow from the object's generation and not from what woke us: who asks twice asks with the same ids, and is
 * understood once. A spec that is no release description gives `release.refused`.
 *
 * @param listed store key of the image list, where it is known before the status says so
 */
export async function openRequests(
  object: ReleaseObject,
  listed?: string,
  now = Date.now(),
): Promise<readonly Event[]> {
  const status = statusNow(object);
  const known = (step: Step) => status?.conditions.find(({ type }) => type === step);
  // only a complete list gets into the status
  const list = listed ?? status?.images?.list;
  const next: readonly Step[] = list === undefined ? ["ImagesListed"] : ["BundleBuilt", "Mirrored"];
  const open = wantedSteps(object).filter((step) => next.includes(step) && isOpen(known(step), now));
  if (open.length === 0) return [];

  const ask = asker(object);
  try {
    const { description, delivery } = await readSpec(object.spec);
    const { base } = delivery;
    const requests: Readonly<Record<Step, () => Event>> = {
      ImagesListed: () => ask("dev.stowage.images.requested.v1", { release: description }),
      BundleBuilt: () => ask("dev.stowage.bundle.requested.v1", { release: description, base }),
      Mirrored: () => ask("dev.stowage.mirror.requested.v1", mirrorOf(object.spec, delivery, list!)),
    };
    return open.map((step) => requests[step]());
  } catch (error) {
    if (!(error instanceof RejectedError && error.code === "RELEASE_INVALID")) throw error;
    return [ask("dev.stowage.release.refused.v1", { code: error.code, reason: error.message.slice(0, MAX_REASON) })];
  }
}

const isOpen = (condition: Condition | undefined, now: number): boolean =>
  condition === undefined ||
  (condition.status === "Unknown" && now - Date.parse(condition.lastTransitionTime) > PATIENCE);

/** Makes events that belong to a generation of a Release, and nothing else. */
function asker(object: ReleaseObject) {
  const { namespace, name, uid, generation, spec } = object;
  const source = `/apis/${releases.apiVersion}/namespaces/${namespace}/${releases.plural}/${name}`;
  const origin = { source, id: `${uid}/${generation}`, extensions: extensionOf(object) };
  const subject = `${String(spec["name"])}@${String(spec["version"])}`;
  return <T extends EventType>(type: T, data: EventData<T>): Event =>
    follow(origin, type, { source: "/stowage/follow-release", subject, data }) as Event;
}

/** @throws RejectedError RELEASE_INVALID with every problem of one of its two parts */
async function readSpec(spec: ReleaseObject["spec"]) {
  const entries = Object.entries(spec);
  const isDelivery = ([field]: readonly [string, unknown]): boolean => deliveryFields.includes(field);
  const description = Object.fromEntries(entries.filter((entry) => !isDelivery(entry)));
  const bytes = Buffer.byteLength(JSON.stringify(description));
  if (bytes > MAX_DESCRIPTION) {
    throw new RejectedError(
      "RELEASE_INVALID",
      `Cannot use release description: it has ${bytes} bytes, more than ${MAX_DESCRIPTION}; name image lists in place of images`,
    );
  }
  const { checkRelease } = await import("../bundle/index.ts");
  checkRelease(description);
  const delivery = deliverySchema.safeParse(Object.fromEntries(entries.filter(isDelivery)));
  if (delivery.success) return { description, delivery: delivery.data };
  const problems = delivery.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`);
  throw new RejectedError("RELEASE_INVALID", `Cannot use Release: ${problems.join("; ")}`);
}

/** Lists of releases spell images with their hosts. */
function mirrorOf(
  spec: ReleaseObject["spec"],
  { mirror }: Delivery,
  list: string,
): EventData<"dev.stowage.mirror.requested.v1"> {
  const { hops, ...options } = mirror!;
  const release = String(spec["name"]);
  const version = String(spec["version"]);
  return { release, version, lists: [list], images: [], form: "reference", hops, ...options };
}
