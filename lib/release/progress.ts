import { isDeepStrictEqual } from "node:util";
import type { ReleaseObject, ReleaseReference } from "./object.ts";
import type { Outcome } from "./outcome.ts";
import { type Condition, type ReleaseStatus, type Step, steps } from "./status-schema.ts";

/** Whether what was learnt about `reference` is about this object as it is now: neither another one, nor an older spec. */
export const isCurrent = (object: ReleaseObject, { uid, generation }: ReleaseReference): boolean =>
  object.uid === uid && object.generation === generation;

/** What the spec asks for. Images are always listed: the rest needs them. */
export const wantedSteps = ({ spec }: Pick<ReleaseObject, "spec">): readonly Step[] => {
  const wanted: Readonly<Record<Step, boolean>> = {
    ImagesListed: true,
    BundleBuilt: spec["bundle"] !== false,
    Mirrored: spec["mirror"] !== undefined,
  };
  return steps.filter((step) => wanted[step]);
};

/** What is known of the present spec. */
export const statusNow = ({ status, generation }: ReleaseObject): ReleaseStatus | undefined =>
  status?.observedGeneration === generation ? status : undefined;

/**
 * The status with one more outcome in it.
 *
 * Events arrive twice and in any order, so a step only ever advances: requested, a try failed, failed, done. Within one
 * generation the same outcomes lead to the same conditions, whatever way they came.
 *
 * @returns undefined when there is nothing to write
 */
export function withOutcome(object: ReleaseObject, outcome: Outcome): ReleaseStatus | undefined {
  const { step, status, reason, message, time, details } = outcome;
  const wanted = wantedSteps(object);
  const before = statusNow(object);
  const known = (type: Step) => before?.conditions.find((condition) => condition.type === type);
  if (!wanted.includes(step) || advance(known(step)) > advance(outcome)) return undefined;

  const reached: readonly Told[] = wanted.flatMap((type) =>
    type === step ? { type, status, reason, message } : (known(type) ?? []),
  );
  const { images, bundle, mirror } = { ...before, ...details };
  const after: ReleaseStatus = {
    observedGeneration: object.generation,
    phase: phaseOf(wanted, reached),
    ...(images && { images }),
    ...(bundle && { bundle }),
    ...(mirror && { mirror }),
    conditions: [...reached, ready(wanted, reached)].map((told) => ({
      ...told,
      observedGeneration: object.generation,
      lastTransitionTime: lastTransition(object.status, told) ?? time,
    })),
  };
  return isDeepStrictEqual(after, before) ? undefined : after;
}

type Told = Pick<Condition, "type" | "status" | "reason" | "message">;

/** How far a step is: what is done stays done, what failed was at least tried. */
function advance(told: Pick<Condition, "status" | "reason"> | undefined): number {
  if (told === undefined) return 0;
  const { status, reason } = told;
  return status === "True" ? 4 : status === "False" ? 3 : reason === "Retrying" ? 2 : 1;
}

/** When a condition came to have its status, if it had it before, in whatever generation. */
const lastTransition = (status: ReleaseStatus | undefined, told: Told): string | undefined =>
  status?.conditions.find((known) => known.type === told.type && known.status === told.status)?.lastTransitionTime;

function ready(wanted: readonly Step[], reached: readonly Told[]): Told {
  const failed = reached.find(({ status }) => status === "False");
  if (failed !== undefined) return { ...failed, type: "Ready" };
  const open = wanted.filter((step) => !isDone(reached, step));
  return open.length === 0
    ? { type: "Ready", status: "True", reason: "Complete", message: `Done: ${wanted.join(", ")}` }
    : { type: "Ready", status: "Unknown", reason: "InProgress", message: `To come: ${open.join(", ")}` };
}

function phaseOf(wanted: readonly Step[], reached: readonly Told[]): ReleaseStatus["phase"] {
  if (reached.some(({ status }) => status === "False")) return "Failed";
  const open = wanted.find((step) => !isDone(reached, step));
  return open === undefined
    ? "Ready"
    : ({ ImagesListed: "Listing", BundleBuilt: "Building", Mirrored: "Mirroring" } as const)[open];
}

const isDone = (reached: readonly Told[], step: Step): boolean =>
  reached.some(({ type, status }) => type === step && status === "True");
