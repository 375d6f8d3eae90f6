import { followHint, openCoverage, type ReconcileOptions, reconcile } from "../lib/helm/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

const PUSHED = "dev.stowage.artifact.pushed.v1";

/**
 * Keeps the chart index: reads again what a hint points at, writes its records and the index; on a schedule, all of it.
 *
 * Says nothing when nothing changed, except to the redelivery of an event that did change something.
 */
export default defineFunction({
  name: "index-charts",
  on: [PUSHED, "dev.stowage.artifact.deleted.v1", "dev.knative.sources.ping"],
  emits: ["dev.stowage.index.updated.v1"],
  needs: ["config", "store", "registries"],
  // pushes that come while an index is written are written together
  concurrency: 24,

  async run(event, { config, store, registries, reply, log, signal }) {
    const { split, maxBytes } = config.index;
    const options: ReconcileOptions = {
      by: event.id,
      coverage: openCoverage(config.index),
      split,
      store,
      registries,
      onProblem: ({ isBroken, ...problem }) => {
        if (isBroken) log.warn(problem, "left a broken chart out of the index");
        else log.warn(problem, "kept what the index has: the registry does not tell");
      },
      onConflict: (conflict) => log.warn(conflict, "two repositories have one chart version: the first counts"),
      onIndex: ({ texts }) => {
        const { size } = texts["index.yaml"];
        if (size <= maxBytes) return;
        log.warn({ size, maxBytes }, "the index is larger than its readers take: split it by project");
      },
      signal,
    };
    const changes =
      event.type === "dev.knative.sources.ping"
        ? await reconcile(options)
        : await followHint(event.data, { ...options, pushed: event.type === PUSHED ? event.time : undefined });
    if (changes !== undefined) return reply("dev.stowage.index.updated.v1", "index.yaml", changes);
  },
});
