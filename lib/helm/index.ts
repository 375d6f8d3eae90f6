export { ensureHelm } from "./binary.ts";
export { type ChartArtifact, type ChartMetadata, isChart, openChart, readChartArtifact } from "./chart-artifact.ts";
export { type ChartOnDisk, readChartOnDisk } from "./chart-on-disk.ts";
export { changedCharts, chartReference, type OpenedChart, openChartReference } from "./chart-reference.ts";
export { openHelmRenderer } from "./helm-renderer.ts";
export { type BrokenChart, buildIndex } from "./index-build.ts";
export { indexChanges } from "./index-changes.ts";
export { type ChartIndex, compareVersions, diffIndex, fileName, foldIndex, type IndexEntry } from "./index-fold.ts";
export { type IndexRecord, recordKey } from "./index-record.ts";
export { readServed, type Served } from "./index-serve.ts";
export {
  type Hint,
  hintsOf,
  type IndexUpdate,
  indexKeys,
  readIndex,
  refreshRecords,
  writeIndex,
} from "./index-update.ts";
export type { RenderedTemplate, Renderer, RenderOptions } from "./renderer.ts";
