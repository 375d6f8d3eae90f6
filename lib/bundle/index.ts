export { type BuildOptions, type BuiltBundle, buildBundle } from "./build.ts";
export { type Files, filesOf } from "./files.ts";
export { checkRelease, readRelease } from "./release.ts";
export { type Release, releaseSchema } from "./release-schema.ts";
export { readSignatureCheck, readSigner, type SignatureCheck, type Signer } from "./signature.ts";
export { openBundle, type StoredBundle } from "./stored-bundle.ts";
export { type Verification, type VerifyOptions, verifyBundle } from "./verify.ts";
