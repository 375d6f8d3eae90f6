import { createHash } from "node:crypto";
import { beginsStored, gunzipStored, inflated, readTar, storedHeadSize } from "../archive/index.ts";
import { StowageError } from "../errors.ts";
import type { Bytes } from "../oci/index.ts";
import { BundleCheck } from "./bundle-check.ts";
import { openContents } from "./contents.ts";
import { limits } from "./contents-check.ts";
import { joinedFiles } from "./recipe.ts";
import type { SignatureCheck } from "./signature.ts";
import type { StoredBundle } from "./stored-bundle.ts";

export interface Verification {
  readonly ok: boolean;
  /** Files in the archive. */
  readonly files: number;
  /** Names of the images in it. */
  readonly images: readonly string[];
  readonly problems: readonly string[];
  /** Of a delta: what it is based on. */
  readonly base?: string | undefined;
}

export interface VerifyOptions {
  /** The signature of bundle.json must be there, and be one of this key. */
  readonly signature?: SignatureCheck | undefined;
  /** Of a delta: the bundle it is based on. Both are checked, and what comes out when they are joined. */
  readonly base?: StoredBundle | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Check a bundle of any kind, or a bare image archive, byte by byte while it flows past once: structure, checksums, every
 * digest, every manifest's references, and what files beside it say of it. Nothing is unpacked, and memory does not grow
 * with it. gzip or not is told by the bytes, not by a name.
 *
 * What is wrong is a problem in the result, not an error; errors are of the source.
 */
export async function verifyBundle(bundle: StoredBundle, options: VerifyOptions = {}): Promise<Verification> {
  const { signature, base, signal } = options;
  const problems: string[] = [];
  const check = await checkBytes(bundle, problems, signature, signal);
  const result = { files: check.files.size, images: check.images };
  if (base !== undefined) problems.push(...(await checkJoined(bundle, base, check, options)));
  const { base: needed } = check;
  if (needed !== undefined && base === undefined) {
    return { ok: problems.length === 0, ...result, problems, base: needed.directory };
  }
  return { ok: problems.length === 0, ...result, problems };
}

async function checkBytes(
  bundle: StoredBundle,
  problems: string[],
  signature: SignatureCheck | undefined,
  signal: AbortSignal | undefined,
): Promise<BundleCheck> {
  const check = new BundleCheck(problems, signature);
  const bytes = sumChecked(bundle, problems, signal);
  try {
    for await (const { type, path, mode, size, body } of readTar(unpacked(bytes), { ...limits, canonical: true })) {
      if (type === "file") await check.take({ path, mode, size, body });
    }
    check.finish();
  } catch (error) {
    if (!(error instanceof StowageError && error.code === "ARCHIVE_INVALID")) throw error;
    problems.push(error.message);
    // a damaged tar says little; what is beside the bundle may say which volume is
    for await (const _ of bytes);
  }
  return check;
}

/** Check a delta with its base, as if they had been joined. */
async function checkJoined(
  bundle: StoredBundle,
  base: StoredBundle,
  delta: BundleCheck,
  { signature, signal }: VerifyOptions,
): Promise<readonly string[]> {
  const problems: string[] = [];
  if (delta.base === undefined) return [`${bundle.name} is no delta: it needs no base`];
  const baseCheck = await checkBytes(base, problems, undefined, signal);
  if (baseCheck.billSha256 !== delta.base.sha256)
    problems.push(`it is not ${delta.base.directory}, on which the delta is based`);
  const told = problems.map((problem) => `base: ${problem}`);
  if (told.length > 0 || delta.recipe === undefined) return told;
  const joinedProblems: string[] = [];
  const joined = new BundleCheck(joinedProblems, signature);
  try {
    const [fresh, old] = [await openContents(bundle, signal), await openContents(base, signal)];
    for (const { path, mode, content } of joinedFiles(delta.recipe, fresh.files, old.files)) {
      await joined.take({ path, mode, size: content.size, body: content.read(0, content.size, signal) });
    }
    joined.finish();
  } catch (error) {
    if (!(error instanceof StowageError && error.code === "ARCHIVE_INVALID")) throw error;
    joinedProblems.push(error.message);
  }
  return joinedProblems.map((problem) => `joined: ${problem}`);
}

/** The bytes, held against the checksums that lie beside the bundle. */
async function* sumChecked(
  bundle: StoredBundle,
  problems: string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const whole = bundle.sha256 === undefined ? undefined : createHash("sha256");
  let at = 0;
  for (const { name, size, sha256 } of bundle.volumes) {
    const own = sha256 === undefined || bundle.volumes.length === 1 ? undefined : createHash("sha256");
    for await (const chunk of bundle.read(at, at + size, signal)) {
      whole?.update(chunk);
      own?.update(chunk);
      yield chunk;
    }
    at += size;
    if (own !== undefined && own.digest("hex") !== sha256) {
      problems.push(`volume ${name} does not have the checksum that lies beside it`);
    }
  }
  if (whole !== undefined && whole.digest("hex") !== bundle.sha256) {
    problems.push(`${bundle.name} does not have the checksum that lies beside it`);
  }
}

/** The tar in a file. Of gzip as stowage writes it every bit is looked at. */
async function* unpacked(bytes: Bytes): Bytes {
  const iterator = bytes[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  for (let known = 0; known < storedHeadSize; ) {
    const step = await iterator.next();
    if (step.done) break;
    head.push(step.value);
    known += step.value.byteLength;
  }
  // whoever stops early leaves the rest to its owner
  const rest: Bytes = { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) };
  const whole = (async function* () {
    yield* head;
    yield* rest;
  })();
  yield* beginsStored(Buffer.concat(head)) ? gunzipStored(whole) : inflated(whole, limits);
}
