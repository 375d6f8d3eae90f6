import type { ReadEntry } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { readBlob } from "./blob-check.ts";
import type { Bytes } from "./content.ts";
import { type Descriptor, type Digest, isManifest, mediaTypes } from "./descriptor.ts";
import { parseDockerManifest } from "./docker-manifest.ts";
import { isForeign } from "./graph.ts";
import { blobPathOf, namesOf } from "./layout-source.ts";
import { childrenOf, MAX_MANIFEST_BYTES, type Manifest, parseManifest } from "./manifest.ts";

/** What manifests and lists may need in memory, all together. */
const MAX_KEPT = 256 * 1024 * 1024;

const BLOB = /^blobs\/sha256\/([a-f0-9]{64})$/;

/**
 * Checks an image archive while its entries flow past: `take` each, then `finish`. What is wrong is pushed to `problems`.
 */
export class ArchiveCheck {
  readonly #problems: string[];
  readonly #sizes = new Map<Digest, number>();
  /** Whatever may be a manifest, and the metadata files, by path. */
  readonly #kept = new Map<string, Buffer>();
  #keptBytes = 0;

  constructor(problems: string[]) {
    this.#problems = problems;
  }

  /** Read an entry to its end. Blobs are held against the digest in their name. */
  async take({ path, size, body }: Pick<ReadEntry, "path" | "size" | "body">): Promise<void> {
    const hex = BLOB.exec(path)?.[1];
    if (hex === undefined) {
      this.#kept.set(path, await this.#keep(path, size, body));
      return;
    }
    const { digest, manifest } = await readBlob(body, size);
    if (digest !== `sha256:${hex}`) this.#problems.push(`${path} does not have the digest of its name`);
    this.#sizes.set(`sha256:${hex}`, size);
    if (manifest !== undefined) this.#remember(path, manifest);
  }

  /** Follow every reference. @returns the names of the images */
  finish(): readonly string[] {
    if (!this.#kept.has("oci-layout")) this.#problems.push("oci-layout is missing");
    const index = this.#kept.get("index.json");
    if (index === undefined) {
      this.#problems.push("index.json is missing");
      return [];
    }
    const root = this.#parse("index.json", index, mediaTypes.ociIndex);
    if (root?.kind !== "index") return [];
    const seen = new Set<Digest>();
    for (const descriptor of root.manifests) this.#follow(descriptor, "index.json", seen);
    this.#checkDocker();
    for (const digest of this.#sizes.keys()) {
      if (!seen.has(digest)) this.#problems.push(`${blobPathOf(digest)} is referred to by nothing`);
    }
    return root.manifests.map((entry) => namesOf(entry)[0] ?? entry.digest);
  }

  #follow(descriptor: Descriptor, from: string, seen: Set<Digest>): void {
    const { digest, size, mediaType } = descriptor;
    const path = blobPathOf(digest);
    const actual = this.#sizes.get(digest);
    if (actual === undefined) this.#problems.push(`${path} is missing, which ${from} refers to`);
    else if (actual !== size) this.#problems.push(`${path} has ${actual} bytes, ${from} says ${size}`);
    if (seen.has(digest)) return;
    seen.add(digest);
    const bytes = this.#kept.get(path);
    if (!isManifest(mediaType) || actual === undefined) return;
    if (bytes === undefined) {
      this.#problems.push(`${path} is no manifest, but ${from} says so`);
      return;
    }
    const manifest = this.#parse(path, bytes, mediaType);
    if (manifest !== undefined) for (const child of this.#expected(manifest, path)) this.#follow(child, path, seen);
  }

  /** An index may name platforms that were left out, an image layers that nobody may pass on. */
  #expected(manifest: Manifest, path: string): readonly Descriptor[] {
    const children = childrenOf(manifest);
    if (manifest.kind === "image") return children.filter(({ mediaType }) => !isForeign(mediaType));
    const here = children.filter(({ digest }) => this.#sizes.has(digest));
    if (here.length === 0 && children.length > 0) this.#problems.push(`${path} is an index of which no image is there`);
    return here;
  }

  #checkDocker(): void {
    const bytes = this.#kept.get("manifest.json");
    if (bytes === undefined) return;
    const items = this.#orProblem("manifest.json", () => parseDockerManifest(bytes, "the archive"));
    for (const path of items?.flatMap(({ config, layers }) => [config, ...layers]) ?? []) {
      const hex = BLOB.exec(path)?.[1];
      if (hex === undefined || !this.#sizes.has(`sha256:${hex}`)) {
        this.#problems.push(`${path} is missing, which manifest.json refers to`);
      }
    }
  }

  #parse(path: string, bytes: Buffer, mediaType: string): Manifest | undefined {
    return this.#orProblem(path, () => parseManifest(bytes, mediaType));
  }

  #orProblem<T>(path: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      this.#problems.push(`${path}: ${error.message}`);
      return undefined;
    }
  }

  async #keep(path: string, size: number, body: Bytes): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    const small = size <= MAX_MANIFEST_BYTES;
    for await (const chunk of body) if (small) chunks.push(Buffer.from(chunk));
    if (!small) this.#problems.push(`${path} has ${size} bytes, more than metadata can have`);
    return Buffer.concat(chunks);
  }

  #remember(path: string, bytes: Buffer): void {
    this.#keptBytes += bytes.byteLength;
    if (this.#keptBytes > MAX_KEPT) {
      throw new RejectedError(
        "ARCHIVE_INVALID",
        `Cannot verify archive: its manifests need more than ${MAX_KEPT} bytes`,
      );
    }
    this.#kept.set(path, bytes);
  }
}
