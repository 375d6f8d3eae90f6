import { RejectedError } from "../errors.ts";
import {
  type Bytes,
  childrenOf,
  type Digest,
  digestOf,
  isDigest,
  isManifest,
  type Manifest,
  mediaTypes,
  parseManifest,
  readBlob,
} from "../oci/index.ts";

/** What manifests may need in memory, all together. */
const MAX_KEPT = 256 * 1024 * 1024;

const BLOB = /^blobs\/sha256\/([a-f0-9]{2})\/([a-f0-9]{64})\/data$/;
const LINK =
  /^repositories\/(.+)\/(?:(_layers|_manifests\/revisions)\/sha256\/([a-f0-9]{64})|_manifests\/tags\/([^/]+)\/(?:current|index\/sha256\/([a-f0-9]{64})))\/link$/;
/** `sha256:` and 64 digits, without a line break. */
const LINK_SIZE = 71;

/** Where the storage of a registry begins in a path. */
export const TREE = "docker/registry/v2/";

interface Repository {
  readonly layers: Set<Digest>;
  readonly revisions: Set<Digest>;
  readonly tags: Map<string, Digest>;
}

/**
 * Checks the storage tree of a registry while its files flow past: `take` each, by its path behind {@linkcode TREE}, then
 * `finish`. What is wrong is pushed to `problems`.
 */
export class TreeCheck {
  readonly #name: string;
  readonly #problems: string[];
  readonly #blobs = new Map<Digest, number>();
  /** Whatever may be a manifest. */
  readonly #kept = new Map<Digest, Buffer>();
  readonly #repositories = new Map<string, Repository>();
  readonly #used = new Set<Digest>();
  #keptBytes = 0;

  constructor(name: string, problems: string[]) {
    this.#name = name;
    this.#problems = problems;
  }

  async take(path: string, size: number, body: Bytes): Promise<void> {
    const blob = BLOB.exec(path);
    const link = LINK.exec(path);
    if (blob !== null) await this.#takeBlob(path, size, body, blob[2]!, blob[1]!);
    else if (link !== null && size === LINK_SIZE) await this.#takeLink(path, body, link);
    else {
      for await (const _ of body);
      this.#say(`${path} is nothing that a registry keeps`);
    }
  }

  async #takeBlob(path: string, size: number, body: Bytes, hex: string, shard: string): Promise<void> {
    const { digest, manifest } = await readBlob(body, size);
    if (digest !== `sha256:${hex}` || !hex.startsWith(shard)) this.#say(`${path} does not have the digest of its name`);
    this.#blobs.set(`sha256:${hex}`, size);
    if (manifest === undefined) return;
    this.#keptBytes += size;
    if (this.#keptBytes > MAX_KEPT) {
      throw new RejectedError(
        "ARCHIVE_INVALID",
        `Cannot verify ${this.#name}: its manifests need more than ${MAX_KEPT} bytes`,
      );
    }
    this.#kept.set(`sha256:${hex}`, manifest);
  }

  async #takeLink(path: string, body: Bytes, [, name = "", kind, hex, tag, history]: RegExpExecArray): Promise<void> {
    const text = Buffer.concat(await Array.fromAsync(body)).toString("latin1");
    if (!isDigest(text)) return this.#say(`${path} holds no digest`);
    const named = hex ?? history;
    if (named !== undefined && text !== `sha256:${named}`) return this.#say(`${path} links to ${text}`);
    const repository = this.#repositories.get(name) ?? { layers: new Set(), revisions: new Set(), tags: new Map() };
    this.#repositories.set(name, repository);
    if (kind === "_layers") repository.layers.add(text);
    else if (kind !== undefined) repository.revisions.add(text);
    else if (tag !== undefined && history === undefined) repository.tags.set(tag, text);
  }

  /** Follow every link and every manifest. @returns `repository:tag` of each image */
  finish(): readonly string[] {
    const images: string[] = [];
    for (const [name, repository] of this.#repositories) {
      for (const [tag, digest] of repository.tags) {
        images.push(`${name}:${tag}`);
        if (!repository.revisions.has(digest))
          this.#say(`${name}:${tag} names ${digest}, which is not in the repository`);
      }
      for (const digest of repository.layers) this.#use(digest, `the layers of ${name}`);
      for (const digest of repository.revisions) this.#followManifest(digest, name, repository);
    }
    for (const digest of this.#blobs.keys())
      if (!this.#used.has(digest)) this.#say(`${digest} is referred to by nothing`);
    return images;
  }

  #followManifest(digest: Digest, name: string, { layers, revisions }: Repository): void {
    this.#use(digest, `the manifests of ${name}`);
    const bytes = this.#kept.get(digest);
    if (!this.#blobs.has(digest)) return;
    const manifest = bytes && this.#parse(digest, bytes);
    if (manifest === undefined) {
      this.#say(`${digest} of ${name} is no manifest`);
      return;
    }
    const children = childrenOf(manifest);
    const here = children.filter((child) => (isManifest(child.mediaType) ? revisions : layers).has(child.digest));
    for (const child of children) {
      const size = this.#blobs.get(child.digest);
      if (size !== undefined && size !== child.size)
        this.#say(`${child.digest} has ${size} bytes, ${digest} says ${child.size}`);
      // an index may name platforms that were left out, an image layers that nobody may pass on
      const mayLack = manifest.kind === "index" ? here.length > 0 : /foreign|nondistributable/.test(child.mediaType);
      if (!here.includes(child) && !mayLack)
        this.#say(`${child.digest} is missing in ${name}, which ${digest} refers to`);
    }
  }

  #parse(digest: Digest, bytes: Buffer): Manifest | undefined {
    if (digestOf(bytes) !== digest) return undefined;
    try {
      const { mediaType, manifests } = JSON.parse(bytes.toString("utf8")) as {
        mediaType?: string;
        manifests?: unknown;
      };
      return parseManifest(bytes, mediaType ?? (manifests ? mediaTypes.ociIndex : mediaTypes.ociManifest));
    } catch {
      return undefined;
    }
  }

  #use(digest: Digest, by: string): void {
    this.#used.add(digest);
    if (!this.#blobs.has(digest)) this.#say(`${digest} is missing, to which ${by} link`);
  }

  #say(problem: string): void {
    this.#problems.push(`${this.#name}: ${problem}`);
  }
}
