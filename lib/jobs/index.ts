export { type EventIdentity, findJob, type JobState, startJob } from "./job.ts";
export { type JobTemplate, readTemplate } from "./template.ts";
