export { type ChartFailure, chartFailure } from "./failure.ts";
export {
  type BranchText,
  type ChartDefinition,
  ChartTrials,
  type OnBranch,
  type Setting,
  settingText,
  type Trial,
  type TrialManifest,
} from "./trials.ts";
