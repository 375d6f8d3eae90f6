export { type BuiltBundle, buildBundle } from "./build.ts";
export { checkRelease, type Release, readRelease, releaseSchema } from "./release.ts";
export { type Verification, verifyBundle } from "./verify.ts";
