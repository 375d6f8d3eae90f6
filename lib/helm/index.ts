export { ensureHelm, findHelm } from "./binary.ts";
export { type ChartArtifact, type ChartMetadata, isChart, openChart, readChartArtifact } from "./chart-artifact.ts";
export { type ChartOnDisk, readChartOnDisk } from "./chart-on-disk.ts";
export { changedCharts, chartReference, type OpenedChart, openChartReference } from "./chart-reference.ts";
export { openHelmRenderer } from "./helm-renderer.ts";
export { Announcement, toData } from "./index/announce.ts";
export { textKey } from "./index/assemble.ts";
export { buildIndex } from "./index/build.ts";
export { type Coverage, type CoverageSettings, openCoverage } from "./index/coverage.ts";
export { type ChartFile, compareVersions, fileName, type IndexEntry } from "./index/fold.ts";
export { followHint } from "./index/follow-hint.ts";
export type { Head } from "./index/head.ts";
export { IndexReader } from "./index/read.ts";
export { type Problem, type ReconcileOptions, reconcile } from "./index/reconcile.ts";
export type { Claim } from "./index/record.ts";
export { projectScope, type Scope, type Split, wholeScope } from "./index/scope.ts";
export { type Hint, type IndexUpdate, refreshRecords, writeIndex } from "./index/update.ts";
export { type ChartFailure, chartFailure } from "./render/failure.ts";
export { openChartThreads, openRenderer, type RendererOptions } from "./render/renderer.ts";
export {
  type BranchText,
  type ChartDefinition,
  ChartTrials,
  type OnBranch,
  type Setting,
  settingText,
  type Trial,
  type TrialManifest,
} from "./render/trials.ts";
export type { WorkerPool } from "./render/worker-pool.ts";
export type { InProcess, RenderedTemplate, Renderer, RenderOptions } from "./renderer.ts";
export { ChartRepository, type ChartRepositorySettings } from "./serve/chart-repository.ts";
