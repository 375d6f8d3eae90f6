export { findRelease, listReleases, reportOutcome } from "./cluster.ts";
export { type ReleaseObject, type ReleaseReference, releaseOf } from "./object.ts";
export { type Outcome, outcomeOf, outcomeTypes } from "./outcome.ts";
export { isCurrent } from "./progress.ts";
export { openRequests } from "./requests.ts";
