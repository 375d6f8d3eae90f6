export { type ChartFailure, chartFailure } from "./failure.ts";
export {
  type BranchText,
  type ChartDefinition,
  type ChartHead,
  ChartTrials,
  type ManifestDocument,
  type OnBranch,
  type Setting,
  settingText,
  type Trial,
} from "./trials.ts";
