import type { Event, EventType } from "../events/index.ts";
import { MAX_MESSAGE, type ReleaseStatus, type Step } from "./status-schema.ts";

/** What an event says about a Release. */
export interface Outcome {
  readonly step: Step;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly time: string;
  /** What is to be known of the step, besides how it went. */
  readonly details?: Partial<Pick<ReleaseStatus, "images" | "bundle" | "mirror">>;
}

/** The step that a request asks for. */
const requested = {
  "dev.stowage.images.requested.v1": "ImagesListed",
  "dev.stowage.bundle.requested.v1": "BundleBuilt",
  "dev.stowage.mirror.requested.v1": "Mirrored",
} as const satisfies Partial<Record<EventType, Step>>;
type Request = keyof typeof requested;

/** The events that say something about a Release. */
export const outcomeTypes = [
  "dev.stowage.images.requested.v1",
  "dev.stowage.images.listed.v1",
  "dev.stowage.images.incomplete.v1",
  "dev.stowage.bundle.requested.v1",
  "dev.stowage.bundle.built.v1",
  "dev.stowage.bundle.failed.v1",
  "dev.stowage.mirror.requested.v1",
  "dev.stowage.images.mirrored.v1",
  "dev.stowage.mirror.incomplete.v1",
  "dev.stowage.release.refused.v1",
  "dev.stowage.run.failed.v1",
] as const satisfies readonly EventType[];

/** @returns undefined when it says nothing: a run failed that no step depends on */
export function outcomeOf(event: Event<(typeof outcomeTypes)[number]>): Outcome | undefined {
  const said = read(event);
  if (said === undefined) return undefined;
  const time = wholeSeconds(event.time);
  return { ...said, message: clip(said.message), time };
}

function read(event: Event<(typeof outcomeTypes)[number]>): Omit<Outcome, "time"> | undefined {
  switch (event.type) {
    case "dev.stowage.images.requested.v1":
      return underWay("ImagesListed", "Images are being listed");
    case "dev.stowage.images.listed.v1": {
      const message = `${event.data.images} images are needed`;
      return {
        step: "ImagesListed",
        status: "True",
        reason: "Listed",
        message,
        details: { images: imagesOf(event.data) },
      };
    }
    case "dev.stowage.images.incomplete.v1":
      return { ...failed("ImagesListed", "Incomplete", event.data.reason), details: { images: imagesOf(event.data) } };
    case "dev.stowage.bundle.requested.v1":
      return underWay("BundleBuilt", "The bundle is being built");
    case "dev.stowage.bundle.built.v1": {
      const { store, key, sha256, size, images, volumes } = event.data;
      const bundle = {
        store: store.slice(0, 1024),
        key,
        sha256,
        size,
        images,
        ...(volumes === undefined ? {} : { volumes }),
      };
      const message = `${key}, ${size} bytes, ${images} images`;
      return { step: "BundleBuilt", status: "True", reason: "Built", message, details: { bundle } };
    }
    case "dev.stowage.bundle.failed.v1":
      return failed("BundleBuilt", event.data.code, event.data.reason);
    case "dev.stowage.mirror.requested.v1":
      return underWay("Mirrored", `Images are on their way to ${event.data.hops[0]!.to}`);
    case "dev.stowage.images.mirrored.v1": {
      const { to, images, report } = event.data;
      const message = `All ${images} images are at ${to}`;
      return {
        step: "Mirrored",
        status: "True",
        reason: "Mirrored",
        message,
        details: { mirror: { to, images, report } },
      };
    }
    case "dev.stowage.mirror.incomplete.v1": {
      const { to, images, report, reason } = event.data;
      return {
        ...failed("Mirrored", "Incomplete", `To ${to}: ${reason}`),
        details: { mirror: { to, images, report } },
      };
    }
    case "dev.stowage.release.refused.v1":
      return failed("ImagesListed", event.data.code, event.data.reason);
    case "dev.stowage.run.failed.v1": {
      const { function: name, type, code, reason, again } = event.data;
      // that something could not be reported says nothing about it; a Service may be called by more than its function's name
      if (!isRequest(type) || name.endsWith("report-release")) return undefined;
      return again
        ? { step: requested[type], status: "Unknown", reason: "Retrying", message: `A try failed (${code}): ${reason}` }
        : failed(requested[type], code, reason);
    }
  }
}

const isRequest = (type: string): type is Request => Object.hasOwn(requested, type);

const underWay = (step: Step, message: string) => ({ step, status: "Unknown", reason: "Requested", message }) as const;

/** Codes are words that Kubernetes takes for reasons; what comes from outside may be anything. */
const failed = (step: Step, code: string, message: string) =>
  ({ step, status: "False", reason: /^[A-Za-z]\w*$/.test(code) ? code : "Failed", message }) as const;

function imagesOf(data: Event<"dev.stowage.images.listed.v1" | "dev.stowage.images.incomplete.v1">["data"]) {
  const { images: count, optional, key: findings } = data;
  const { list, lock, lockDigest, difference } = "list" in data ? data : {};
  return {
    count,
    optional,
    ...(list !== undefined && { list }),
    ...(lock !== undefined && { lock }),
    ...(lockDigest !== undefined && { lockDigest }),
    ...(findings !== undefined && { findings }),
    ...(difference !== undefined && { difference: difference.key }),
  };
}

const clip = (text: string): string => (text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE - 1)}…`);

/** As Kubernetes writes times. A leap second is none of `Date`'s. */
function wholeSeconds(time = ""): string {
  const date = new Date(time);
  return (Number.isNaN(date.getTime()) ? new Date() : date).toISOString().replace(/\.\d+Z$/, "Z");
}
