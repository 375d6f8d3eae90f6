import { changedCharts, openChartReference } from "../lib/helm/index.ts";
import { imagesOfArtifact } from "../lib/images/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/** Lists the images of charts that came into the index or changed there: one event a chart. */
export default defineFunction({
  name: "list-images",
  on: ["dev.stowage.index.updated.v1"],
  emits: ["dev.stowage.images.listed.v1"],
  needs: ["store", "registries", "renderer", "publish"],

  async run({ data }, { store, registries, renderer, publish, reply, log, signal }) {
    for (const reference of await changedCharts(data, store, signal)) {
      const { source, artifact } = await openChartReference(reference, registries, signal);
      const { key, findings } = await imagesOfArtifact(source, artifact, renderer, store, signal);
      const { name, version } = artifact.metadata;
      for (const { reason } of findings.unresolved)
        log.warn({ chart: `${name}-${version}`, reason }, "images not known");
      const listed = reply("dev.stowage.images.listed.v1", `${name}@${version}`, {
        chart: name,
        version,
        digest: artifact.chart.digest,
        key,
        images: findings.images.length,
        unresolved: findings.unresolved.length,
      });
      await publish([listed], signal);
    }
  },
});
