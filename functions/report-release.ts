import { outcomeOf, outcomeTypes, releaseOf, reportOutcome } from "../lib/release/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/**
 * Writes into the status of a Release of the cluster what became of it. What is about an older spec, or about a Release that is
 * gone, is dropped.
 */
export default defineFunction({
  name: "report-release",
  on: outcomeTypes,
  needs: ["kube"],

  async run(event, { kube, log, signal }) {
    const reference = releaseOf(event);
    const outcome = outcomeOf(event);
    if (reference === undefined || outcome === undefined) return;
    const isReported = await reportOutcome(kube, reference, outcome, signal);
    if (!isReported) log.info({ ...reference }, "the Release has changed since, or is gone");
  },
});
