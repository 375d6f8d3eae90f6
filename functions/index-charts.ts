import { hintsOf, indexChanges, refreshRecords, writeIndex } from "../lib/helm/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/**
 * Keeps the chart index: reads again what a hint points at, writes its records, folds the index.
 *
 * Says nothing when nothing changed, except to the redelivery of an event that did change something.
 */
export default defineFunction({
  name: "index-charts",
  on: ["dev.stowage.artifact.pushed.v1", "dev.stowage.artifact.deleted.v1", "dev.knative.sources.ping"],
  emits: ["dev.stowage.index.updated.v1"],
  needs: ["config", "store", "registries"],

  async run(event, { config, store, registries, reply, log, signal }) {
    const hints =
      event.type === "dev.knative.sources.ping" ? hintsOf(config.index.registries, registries, signal) : [event.data];
    const brought = [];
    for await (const hint of hints) {
      const { records, broken } = await refreshRecords(hint, event.id, store, registries, signal);
      for (const { tag, reason } of broken) log.warn({ ...hint, tag, reason }, "left a broken chart out of the index");
      brought.push(...records);
    }
    const update = await writeIndex(store, signal);
    for (const conflict of update.conflicts) log.warn(conflict, "two repositories claim one chart version");
    const changes = indexChanges(update, brought);
    if (changes !== undefined) return reply("dev.stowage.index.updated.v1", "index.yaml", changes);
  },
});
