import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { RejectedError } from "../errors.ts";
import type { Bytes, OpenOptions, PutOptions, ReferrersOptions, Target } from "./content.ts";
import { type Descriptor, type Digest, isDigest, isManifest } from "./descriptor.ts";
import { MAX_MANIFEST_BYTES, parseManifest, readManifest, sniffMediaType } from "./manifest.ts";
import { isRepository, isTag } from "./reference.ts";
import { listReferrer } from "./referrers-list.ts";
import type { Subjects } from "./subjects.ts";
import {
  directoriesIn,
  makeDirectory,
  publish,
  readBytes,
  readLink,
  remove,
  sizeOf,
  writeLink,
  writeWhole,
} from "./tree-files.ts";
import { blobPath, type RepositoryPaths, repositoryPaths } from "./tree-paths.ts";
import type { Upload, UploadPlace, Uploads } from "./tree-uploads.ts";
import type { Turns } from "./turns.ts";
import { arriving, verified } from "./verify.ts";

/**
 * One repository of a tree.
 *
 * It holds the blobs and manifests that are linked in it, whatever else the tree has the bytes of. An index may be put
 * without its children, since archives keep the digests of indexes whose other platforms they leave out.
 */
export interface TreeRepository extends Target {
  referrers: NonNullable<Target["referrers"]>;

  /** Whether it has ever held a manifest. */
  exists(): Promise<boolean>;

  /** @throws RejectedError CONTENT_UNKNOWN where it holds no such blob */
  blob(digest: Digest): Promise<Descriptor>;

  /** The manifests it holds, tagged or not, in the order of their digests. */
  manifests(): AsyncIterable<Digest>;

  /** Take a blob from another repository without moving bytes. @returns whether that one holds it */
  mount(digest: Digest, from: string): Promise<boolean>;

  /** Forget a blob. Its bytes stay for whoever else holds it. */
  removeBlob(digest: Digest): Promise<void>;

  /** @throws TransientError REGISTRY_UNAVAILABLE when too many are open */
  startUpload(): Promise<Upload>;

  /** Bytes of an upload received so far, or undefined when there is no such upload here. */
  uploadSize(id: string): Promise<number | undefined>;

  /**
   * Go on with an upload, or undefined when there is no such upload here.
   *
   * @throws TransientError REGISTRY_UNAVAILABLE while somebody else has it
   */
  takeUpload(id: string): Promise<Upload | undefined>;
}

interface Shared {
  readonly root: string;
  readonly uploads: Uploads;
  /** What changes the names of one repository happens one at a time. */
  readonly turns: Turns;
  readonly subjects: Subjects;
  /** Whether to keep lists of referrers by tag, for registries that cannot tell them otherwise. */
  readonly referrersTags: boolean;
}

/** @throws RejectedError REFERENCE_INVALID where `name` cannot be a repository's */
export const openTreeRepository = (shared: Shared, name: string): TreeRepository =>
  new Repository(shared, checkedName(name));

class Repository implements TreeRepository {
  readonly name: string;
  readonly shared: NonNullable<Target["shared"]>;
  readonly #repository: string;
  readonly #root: string;
  readonly #shared: Shared;
  readonly #at: RepositoryPaths;
  readonly #uploads: UploadPlace;

  constructor(shared: Shared, repository: string) {
    this.name = `registry-tree:${shared.root}/${repository}`;
    this.shared = { place: `registry-tree:${shared.root}`, repository };
    this.#repository = repository;
    this.#root = shared.root;
    this.#shared = shared;
    this.#at = repositoryPaths(shared.root, repository);
    this.#uploads = {
      directory: this.#at.uploads,
      keep: async (file, digest) => {
        await publish(this.#root, file, blobPath(this.#root, digest));
        await this.#makeLink(this.#at.layer(digest), digest);
      },
    };
  }

  async resolve(reference: string, signal?: AbortSignal): Promise<Descriptor> {
    signal?.throwIfAborted();
    const digest = isDigest(reference) ? reference : await this.#tagged(reference);
    const size = digest && (await this.#size(this.#at.revision(digest), digest));
    if (digest === undefined || size === undefined) throw this.#unknown(reference);
    if (size > MAX_MANIFEST_BYTES) {
      throw new RejectedError("MANIFEST_INVALID", `Cannot read manifest ${digest}: it has ${size} bytes`);
    }
    const mediaType = sniffMediaType(await readFile(blobPath(this.#root, digest)));
    if (!isManifest(mediaType)) {
      throw new RejectedError("MANIFEST_INVALID", `Cannot read manifest ${digest}: it calls itself ${mediaType}`);
    }
    return { mediaType, digest, size };
  }

  async open(wanted: Descriptor, options: OpenOptions = {}): Promise<Bytes> {
    options.signal?.throwIfAborted();
    const { digest } = wanted;
    const size = await this.#size(this.#link(wanted), digest);
    if (size === undefined) throw this.#unknown(digest);
    if (size !== wanted.size) {
      throw new RejectedError(
        "CONTENT_MISMATCH",
        `Cannot open ${digest}: it has ${size} bytes, not the promised ${wanted.size}`,
      );
    }
    const bytes = readBytes(blobPath(this.#root, digest), size, options);
    const whole = options.start === undefined && options.end === undefined;
    return whole ? verified(bytes, wanted, this.name) : bytes;
  }

  async *tags(signal?: AbortSignal): AsyncIterable<string> {
    signal?.throwIfAborted();
    for (const name of await directoriesIn(this.#root, this.#at.tags)) {
      signal?.throwIfAborted();
      // a tag that was cut short has a history but names nothing yet
      if (isTag(name) && (await sizeOf(this.#root, this.#at.current(name))) !== undefined) yield name;
    }
  }

  /** The names of all manifests are read each time, which suits a registry of this size; each manifest is read once. */
  async *referrers(subject: Digest, { signal }: ReferrersOptions = {}): AsyncIterable<Descriptor> {
    for await (const digest of this.manifests()) {
      signal?.throwIfAborted();
      const read = async () => {
        const descriptor = await this.resolve(digest, signal);
        return { descriptor, ...(await readManifest(this, descriptor, signal)) };
      };
      const referrer = await this.#shared.subjects.referrer(subject, digest, read);
      if (referrer !== undefined) yield referrer;
    }
  }

  async has(wanted: Descriptor, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    return (await this.#size(this.#link(wanted), wanted.digest)) === wanted.size;
  }

  async put(
    wanted: Descriptor,
    bytes: () => Promise<Bytes>,
    options: PutOptions = {},
  ): Promise<"written" | "mounted" | "present"> {
    const { signal, from } = options;
    if (await this.has(wanted, signal)) return "present";
    const { digest, mediaType } = wanted;
    if (isManifest(mediaType)) {
      const content = await this.#manifest(wanted, arriving(bytes, wanted, options));
      if (this.#shared.referrersTags) await listReferrer(this, wanted, content, this.#shared.turns, signal);
      await this.#write(digest, [content], signal);
      // distribution 2.8 finds repositories by _layers, 3.x by _manifests
      await makeDirectory(this.#root, this.#at.layers);
    } else {
      if (from !== undefined && (await this.mount(digest, from))) return "mounted";
      await this.#write(digest, arriving(bytes, wanted, options), signal);
    }
    await this.#makeLink(this.#link(wanted), digest);
    return "written";
  }

  async tag(name: string, { digest }: Descriptor, signal?: AbortSignal): Promise<void> {
    if (!isTag(name)) {
      throw new RejectedError("REFERENCE_INVALID", `Cannot tag ${digest}: "${name.slice(0, 200)}" is not a tag`);
    }
    await this.#inTurn(async () => {
      if ((await this.#size(this.#at.revision(digest), digest)) === undefined) throw this.#unknown(digest);
      await this.#makeLink(this.#at.history(name, digest), digest);
      await this.#makeLink(this.#at.current(name), digest);
    }, signal);
  }

  async remove(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      if (isTag(reference)) return this.#remove(this.#at.tag(reference));
      if (!isDigest(reference)) return;
      await this.#remove(this.#at.revision(reference));
      for await (const tag of this.tags()) {
        if ((await this.#tagged(tag)) === reference) await this.#remove(this.#at.tag(tag));
      }
    }, signal);
  }

  async exists(): Promise<boolean> {
    return (await sizeOf(this.#root, this.#at.manifests)) !== undefined;
  }

  async blob(digest: Digest): Promise<Descriptor> {
    const size = await this.#size(this.#at.layer(digest), digest);
    if (size === undefined) throw this.#unknown(digest);
    return { mediaType: "application/octet-stream", digest, size };
  }

  async *manifests(): AsyncIterable<Digest> {
    for (const name of await directoriesIn(this.#root, this.#at.revisions)) {
      const digest = `sha256:${name}`;
      if (isDigest(digest) && (await this.#size(this.#at.revision(digest), digest)) !== undefined) yield digest;
    }
  }

  async mount(digest: Digest, from: string): Promise<boolean> {
    const there = repositoryPaths(this.#root, checkedName(from)).layer(digest);
    if ((await this.#size(there, digest)) === undefined) return false;
    await this.#makeLink(this.#at.layer(digest), digest);
    return true;
  }

  async removeBlob(digest: Digest): Promise<void> {
    await this.#remove(this.#at.layer(digest));
  }

  startUpload(): Promise<Upload> {
    return this.#shared.uploads.start(this.#uploads);
  }

  uploadSize(id: string): Promise<number | undefined> {
    return this.#shared.uploads.size(this.#uploads, id);
  }

  takeUpload(id: string): Promise<Upload | undefined> {
    return this.#shared.uploads.take(this.#uploads, id);
  }

  /** Manifests and blobs are linked in different places, so that a blob is never served as a manifest. */
  #link({ digest, mediaType }: Descriptor): string {
    return isManifest(mediaType) ? this.#at.revision(digest) : this.#at.layer(digest);
  }

  /** Bytes of the content that `link` makes the repository's, or undefined where it does not hold it. */
  async #size(link: string, digest: Digest): Promise<number | undefined> {
    const linked = await readLink(this.#root, link);
    if (linked === undefined) return undefined;
    if (linked !== digest) throw new RejectedError("TREE_INVALID", `Cannot use "${link}": it links to ${linked}`);
    return sizeOf(this.#root, blobPath(this.#root, digest));
  }

  async #tagged(tag: string): Promise<Digest | undefined> {
    return isTag(tag) ? readLink(this.#root, this.#at.current(tag)) : undefined;
  }

  /** @throws RejectedError MANIFEST_INVALID also where the bytes do not say what they are: nothing else will */
  async #manifest(wanted: Descriptor, bytes: Bytes): Promise<Uint8Array> {
    if (wanted.size > MAX_MANIFEST_BYTES) {
      throw new RejectedError("MANIFEST_INVALID", `Cannot take manifest ${wanted.digest}: it is larger than 4 MiB`);
    }
    const content = await buffer(bytes);
    parseManifest(content, wanted.mediaType);
    if (sniffMediaType(content) !== wanted.mediaType) {
      throw new RejectedError(
        "MANIFEST_INVALID",
        `Cannot take manifest ${wanted.digest}: only a mediaType inside would tell that it is ${wanted.mediaType}`,
      );
    }
    return content;
  }

  #write(digest: Digest, bytes: Bytes | Iterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    return writeWhole(this.#root, this.#at.uploads, blobPath(this.#root, digest), bytes, signal);
  }

  #makeLink(path: string, digest: Digest): Promise<void> {
    return writeLink(this.#root, this.#at.uploads, path, digest);
  }

  #remove(path: string): Promise<void> {
    return remove(this.#root, this.#at.uploads, path);
  }

  async #inTurn(work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    await this.#shared.turns.take(this.#repository, work, signal);
  }

  #unknown(what: string): RejectedError {
    return new RejectedError("CONTENT_UNKNOWN", `Cannot find "${what.slice(0, 200)}" in ${this.name}`);
  }
}

function checkedName(name: string): string {
  if (isRepository(name)) return name;
  throw new RejectedError("REFERENCE_INVALID", `Cannot open repository "${name.slice(0, 300)}": it is not a name`);
}
