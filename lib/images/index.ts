export { imagesOfArtifact, imagesOfChart, withChartFile } from "./chart-images.ts";
export { findImages, type ManifestText } from "./find.ts";
export { type Finding, type Findings, type Reason, type Unresolved, uniteFindings } from "./finding.ts";
export { formatList, formatTable, readImages } from "./image-list.ts";
export { describeDefect, type ImageList, type ListDefect, type ListInput, readLists } from "./list-file.ts";
export { listInStore, listOfLines, listsOnDisk } from "./list-inputs.ts";
export { type DefectName, type ListedImage, type ListForm, type ListRules, listDefects, nameOf } from "./list-line.ts";
export { readManifests } from "./read-manifests.ts";
