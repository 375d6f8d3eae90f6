export { imagesOfArtifact, imagesOfChart, withChartFile } from "./chart-images.ts";
export { findImages, type ManifestText } from "./find.ts";
export { type Finding, type Findings, type Reason, type Unresolved, uniteFindings } from "./finding.ts";
export { formatList, formatTable, readImages } from "./image-list.ts";
export { readManifests } from "./read-manifests.ts";
