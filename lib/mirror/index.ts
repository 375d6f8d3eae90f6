export type { ImageResult, ImageRetry } from "./image.ts";
export { type MirrorPorts, mirror } from "./mirror.ts";
export { type MirrorReport, reasonOf, summarize, unfinishedReport, writeReport } from "./report.ts";
export { type MirrorRequest, rulesOfHop } from "./request.ts";
