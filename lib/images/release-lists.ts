import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { digestOf } from "../oci/index.ts";
import { readJson, readObject, type Store } from "../store/index.ts";
import { compareImages, type ImagesDifference } from "./difference.ts";
import type { FindingsStore } from "./findings-cache.ts";
import { formatList } from "./image-list.ts";
import { formatLock, type ImagesLock, type LockedImage, MAX_LOCK, parseLock } from "./lock.ts";
import type { Selected } from "./selection.ts";

/** A release by the names that are parts of store keys. */
export interface ReleaseName {
  readonly name: string;
  readonly version: string;
}

/** Store keys of what is known about the images of a release. */
export const releaseKeys = ({ name, version }: ReleaseName) => {
  const folder = `releases/${name}/${version}/`;
  return {
    findings: `${folder}images.json`,
    list: `${folder}images.list`,
    lock: `${folder}images.lock.json`,
    difference: `${folder}images.difference.json`,
  };
};

/** What changed since a list that was there before. */
export interface ReleaseDifference extends ImagesDifference {
  /** The release version whose list it was; the same one when its images changed. */
  readonly against: string;
  /** Digests of the two locks. */
  readonly from: string;
  readonly to: string;
}

/** How much changed, and against which release version. */
export const countChanges = ({ against, added, removed, changed, moved }: ReleaseDifference) => ({
  against,
  added: added.length,
  removed: removed.length,
  changed: changed.length,
  moved: moved.length,
});

/** Keep what was found, whether or not it is complete, and which required images have no digest. */
export async function keepFindings(
  release: ReleaseName,
  { findings, ...rest }: Selected,
  missing: readonly { readonly image: string; readonly reason: string }[],
  store: Store,
  signal?: AbortSignal,
): Promise<void> {
  await store.put(releaseKeys(release).findings, `${JSON.stringify({ ...findings, ...rest, missing })}\n`, { signal });
}

/**
 * Keep the complete list of a release, its lock, and the difference to what was there before: an earlier list of this version,
 * or else that of the highest version below it. The lock is written last; doing it again changes nothing and gives the same
 * difference.
 *
 * @returns the digest of the lock; the difference is undefined when there was nothing before
 */
export async function keepList(
  release: ReleaseName,
  { findings }: Selected,
  locked: readonly LockedImage[],
  kept: FindingsStore,
  signal?: AbortSignal,
): Promise<{ readonly lockDigest: string; readonly difference: ReleaseDifference | undefined }> {
  const { store } = kept;
  const keys = releaseKeys(release);
  const lock = formatLock(locked);
  const difference = await new LockHistory(release, kept, signal).differenceTo(lock);
  if (difference !== undefined) await store.put(keys.difference, `${JSON.stringify(difference)}\n`, { signal });
  await store.put(keys.list, formatList(findings), { signal });
  await store.put(keys.lock, lock, { signal });
  return { lockDigest: digestOf(lock), difference };
}

/** The locks of a release's versions, as they were kept. */
class LockHistory {
  readonly #release: ReleaseName;
  readonly #kept: FindingsStore;
  readonly #signal: AbortSignal | undefined;

  constructor(release: ReleaseName, kept: FindingsStore, signal: AbortSignal | undefined) {
    this.#release = release;
    this.#kept = kept;
    this.#signal = signal;
  }

  async differenceTo(lock: string): Promise<ReleaseDifference | undefined> {
    const to = digestOf(lock);
    const own = await this.#read(this.#release.version);
    // the same list again: what it brought is what it brought the first time
    if (own?.digest === to) return this.#keptDifference(to);
    const before = own ?? (await this.#below());
    if (before === undefined) return undefined;
    const compared = compareImages(before.lock.images, parseLock(lock).images);
    return { against: before.version, from: before.digest, to, ...compared };
  }

  async #keptDifference(to: string): Promise<ReleaseDifference | undefined> {
    const { difference: key } = releaseKeys(this.#release);
    const read = () => readJson(this.#kept.store, key, differenceSchema, MAX_LOCK, this.#signal);
    const difference = await this.#readable(key, read);
    return difference?.to === to ? difference : undefined;
  }

  async #below(): Promise<ReadLock | undefined> {
    const { compareVersions } = await import("../helm/index.ts");
    const { name, version } = this.#release;
    const prefix = `releases/${name}/`;
    const below: string[] = [];
    for await (const { key } of this.#kept.store.list(prefix, this.#signal)) {
      const [other = ""] = key.slice(prefix.length).split("/", 1);
      if (key === releaseKeys({ name, version: other }).lock && compareVersions(other, version) < 0) below.push(other);
    }
    const highest = below.sort(compareVersions).at(-1);
    return highest === undefined ? undefined : this.#read(highest);
  }

  #read(version: string): Promise<ReadLock | undefined> {
    const { lock: key } = releaseKeys({ ...this.#release, version });
    return this.#readable(key, async () => {
      const bytes = await readObject(this.#kept.store, key, MAX_LOCK, this.#signal);
      return { version, digest: digestOf(bytes), lock: parseLock(Buffer.from(bytes).toString("utf8")) };
    });
  }

  /** What is damaged will be made again, and need not stop anything; but somebody should know. */
  async #readable<T>(key: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      if (["STORE_OBJECT_INVALID", "LIST_INVALID"].includes(error.code)) this.#kept.onDamaged?.(key, error);
      else if (error.code !== "STORE_NOT_FOUND") throw error;
      return undefined;
    }
  }
}

interface ReadLock {
  readonly version: string;
  readonly digest: string;
  readonly lock: ImagesLock;
}

const images = z.array(z.string());
const differenceSchema = z.object({
  against: z.string(),
  from: z.string(),
  to: z.string(),
  added: images,
  removed: images,
  changed: z.array(z.object({ repository: z.string(), from: images, to: images })),
  moved: z.array(z.object({ image: z.string(), from: z.string(), to: z.string() })),
  unchanged: z.int().min(0),
});
