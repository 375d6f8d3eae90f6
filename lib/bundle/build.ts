import { gzipStored, hashing, type Segment, type StoredGzip, tar } from "../archive/index.ts";
import { RejectedError, TransientError } from "../errors.ts";
import { digestOf } from "../oci/index.ts";
import type { PartSource, RangeBody, Reader, Store } from "../store/index.ts";
import { type Base, openBase } from "./base.ts";
import type { Bill } from "./bill.ts";
import { Blobs, gated } from "./blobs.ts";
import { type BuildRecord, readBuildRecord, type Traffic, writeBuildRecord } from "./build-record.ts";
import { deltaPackage, nameDelta } from "./delta.ts";
import { describePlan } from "./describe-plan.ts";
import { olderContents } from "./older.ts";
import { completePackage } from "./package.ts";
import { layOut, namePackage, type PackageFile, type PackageName, withDirectories } from "./package-tree.ts";
import { type BundleSources, planBundle } from "./plan.ts";
import { requireUnmoved } from "./plan-images.ts";
import { requireLocked } from "./plan-lock.ts";
import type { Release } from "./release-schema.ts";
import type { Signer } from "./signature.ts";
import { sizeOf } from "./size.ts";
import { volumesOf } from "./volumes.ts";

export interface BuiltBundle extends Traffic {
  /** URL of the store that holds it. */
  readonly store: string;
  /** Of a split bundle: what its volumes are called before `.001`. */
  readonly key: string;
  /** Of the whole file, in hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** How many images are in it. */
  readonly images: number;
  /** Of a split bundle: how many. */
  readonly volumes?: number;
  readonly seconds: number;
}

export interface BuildOptions extends BundleSources {
  /** The store that takes it; default: below `releases/` of the own store. */
  readonly to?: Store | undefined;
  /** Signs bundle.json. */
  readonly signer?: Signer | undefined;
  /** A bundle that the customer has: what it holds is left out, and needed to install what is built. */
  readonly base?: Segment | undefined;
}

/**
 * Build the bundle of a release straight into a store: from the registry through hashes into the store, nothing on disk.
 *
 * Everything in it is known by digest before the first layer moves, so the same release gives the same bytes, and a
 * bundle that lies there already is not built again. What the bundle holds that was built before is read from there, and
 * copied by stores that copy by themselves. Of a store that writes in parts, an upload that died is gone on with.
 * Beside it lie `<key>.sha256` and `<key>.json`.
 *
 * @throws RejectedError as {@linkcode planBundle}, BASE_INVALID; TransientError IMAGES_MOVED when a tag came to name something else
 */
export async function buildBundle(release: Release, options: BuildOptions, signal: AbortSignal): Promise<BuiltBundle> {
  const started = performance.now();
  const wholeName = namePackage(release);
  const base = options.base && (await openBase(options.base, signal));
  if (base !== undefined && release.package.exact) {
    const why = "it has no place for its parts";
    throw new RejectedError("RELEASE_INVALID", `Cannot make a delta of an exact package: ${why}`);
  }
  const plan = await planBundle(release, options, signal);
  await requireLocked(plan, options.store, signal);
  const name = base ? nameDelta(wholeName, base) : wholeName;
  const store = options.to ?? options.store;
  const key = `${options.to === undefined ? `releases/${release.name}/${release.version}/` : ""}${name.file}`;
  const images = new Set(plan.sets.flatMap((set) => set.images.map(({ image }) => image)));
  const done = (record: BuildRecord, traffic: Traffic): BuiltBundle => ({
    store: store.url,
    key,
    sha256: record.sha256,
    size: record.size,
    images: images.size,
    ...traffic,
    ...(record.volumes === undefined ? {} : { volumes: record.volumes.length }),
    seconds: Math.round(performance.now() - started) / 1000,
  });
  const prepare = async (held: Base["contents"] | undefined) => {
    const blobs = new Blobs(held);
    const whole = completePackage(plan, layOut(plan, blobs), wholeName, options.signer);
    const parts = base ? await deltaPackage(plan, whole, wholeName, base, options.signer, signal) : whole;
    return { blobs, ...parts, plan: digestOf(describePlan(plan, parts.files, name, options.signer)) };
  };
  const build = async (held: Base["contents"] | undefined): Promise<BuiltBundle> => {
    const { blobs, files, ...writing } = await prepare(held);
    const bytes = packageBytes(files, name, async (stop) => {
      await blobs.check(stop);
      await requireUnmoved(
        plan.sets.flatMap((set) => set.images),
        stop,
      );
    });
    const record = await write(store, key, bytes, { ...writing, blobs, split: release.split }, signal);
    return done(record, record.traffic);
  };

  const known = await readBuildRecord(store, key, signal);
  if (known?.plan === (await prepare(base?.contents)).plan && (await isThere(store, key, known, signal))) {
    return done(known, { moved: 0, reused: known.size, copied: 0 });
  }
  if (base !== undefined) return build(base.contents);
  const older = await olderContents(store, prefixOf(release, wholeName, options.to), signal);
  try {
    return await build(older);
  } catch (error) {
    // a bundle that was damaged since must not stand in the way of the next one
    if (!(older.size > 0 && error instanceof RejectedError && error.code === "CONTENT_MISMATCH")) throw error;
    return build(undefined);
  }
}

/** Where other versions of a bundle lie. */
function prefixOf({ name, version }: Release, { file }: PackageName, to: Store | undefined): string {
  return to === undefined ? `releases/${name}/` : (file.split(version, 1)[0] ?? "");
}

/** The bytes of a package: the same files give the same bytes. Its end is given only after `check` has passed. */
function packageBytes(
  files: readonly Pick<PackageFile, "path" | "mode" | "content">[],
  { directory, gzip }: PackageName,
  check: (signal?: AbortSignal) => Promise<void>,
): Segment & Partial<StoredGzip> {
  const entries = files.map(({ path, mode, content }) => ({
    type: "file" as const,
    path: directory === "" ? path : `${directory}/${path}`,
    mode,
    content,
  }));
  const bytes = gated(tar(withDirectories(entries)), check);
  return gzip ? gzipStored(bytes) : bytes;
}

interface Writing {
  readonly plan: string;
  readonly blobs: Blobs;
  readonly split: string | undefined;
  readonly bill: (signal?: AbortSignal) => Promise<Bill>;
}

/** Put the bytes, in volumes where that is wanted, and then what tells of them. */
async function write(
  store: Store,
  key: string,
  whole: Segment & Partial<StoredGzip>,
  { plan, blobs, split, bill }: Writing,
  signal: AbortSignal,
): Promise<BuildRecord & { readonly traffic: Traffic }> {
  const hashed = hashing(whole);
  const limit = split === undefined ? undefined : sizeOf(split);
  const volumes = limit === undefined ? undefined : volumesOf(key, hashed, limit);
  const bodies: readonly { readonly key: string; readonly body: Segment }[] = volumes ?? [{ key, body: hashed }];
  let copied = 0;
  const onPart = (size: number, how: PartSource): void => {
    if (how === "copied") copied += size;
  };
  for (const { key: target, body } of bodies) {
    await store.put(target, withStored(body), { identity: `${plan} ${target}`, onPart, signal });
  }
  const record = {
    plan,
    sha256: await hashed.sha256(signal),
    size: hashed.size,
    ...(volumes && {
      volumes: await Promise.all(
        volumes.map(async ({ key: name, body }) => ({
          key: name,
          size: body.size,
          sha256: await body.sha256(signal),
        })),
      ),
    }),
    ...(whole.runs && { runs: whole.runs }),
    traffic: { moved: blobs.moved, reused: blobs.reused, copied },
    bill: await bill(signal),
  };
  for (const { key: target, body } of bodies) {
    const stat = await store.stat(target, signal);
    if (stat?.size !== body.size) {
      throw new TransientError(
        "STORE_UNAVAILABLE",
        `Cannot find "${target}" as it was written: it is not in the store`,
      );
    }
  }
  await writeBuildRecord(store, key, record, signal);
  return record;
}

/** What of a segment lies in a store as it is. */
const withStored = (body: Segment): RangeBody => ({
  size: body.size,
  read: body.read,
  stored: (body.parts ?? []).flatMap(({ at, size, origin }) => {
    if (origin?.form !== "plain") return [];
    const { url, start, version } = origin;
    return [{ at, size, url, start, version }];
  }),
});

async function isThere(store: Reader, key: string, record: BuildRecord, signal: AbortSignal): Promise<boolean> {
  for (const file of record.volumes ?? [{ key, size: record.size }]) {
    if ((await store.stat(file.key, signal))?.size !== file.size) return false;
  }
  return true;
}
