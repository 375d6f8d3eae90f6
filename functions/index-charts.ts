import { Announcement, openCoverage, reconcile, refreshRecords, toData, writeIndex } from "../lib/helm/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/**
 * Keeps the chart index: reads again what a hint points at, writes its records and the index; on a schedule, all of it.
 *
 * Says nothing when nothing changed, except to the redelivery of an event that did change something.
 */
export default defineFunction({
  name: "index-charts",
  on: ["dev.stowage.artifact.pushed.v1", "dev.stowage.artifact.deleted.v1", "dev.knative.sources.ping"],
  emits: ["dev.stowage.index.updated.v1"],
  needs: ["config", "store", "registries"],

  async run(event, { config, store, registries, reply, log, signal }) {
    const { split, maxBytes } = config.index;
    const coverage = openCoverage(config.index);
    const by = event.id;
    const onProblem = (problem: object) => log.warn(problem, "left out of the index, or as it was");
    const onConflict = (conflict: object) => log.warn(conflict, "two repositories claim one chart version");

    const update = async () => {
      if (event.type === "dev.knative.sources.ping") {
        return reconcile({ by, coverage, split, store, registries, onProblem, onConflict, signal });
      }
      if (!coverage.covers(event.data)) return undefined;
      const tags = await refreshRecords(event.data, by, store, registries, signal);
      for (const { place, broken } of tags) if (broken !== undefined) onProblem({ ...place, reason: broken });
      const records = tags.map(({ record }) => record).filter((record) => record !== undefined);
      if (records.length === 0) return undefined;
      const written = await writeIndex(records, split, store, signal);
      for (const conflict of written.conflicts) onConflict(conflict);
      const { size } = written.head.texts["index.yaml"];
      if (size > maxBytes)
        log.warn({ size, maxBytes }, "the index is larger than its readers take: split it by project");
      const announcement = new Announcement(split);
      announcement.add(written);
      await announcement.addBrought(records, by, store, signal);
      return toData(announcement.toTold(), written.head);
    };
    const changes = await update();
    if (changes !== undefined) return reply("dev.stowage.index.updated.v1", "index.yaml", changes);
  },
});
