import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import * as z from "zod";
import { inflated, readTar } from "../archive/index.ts";
import { StowageError } from "../errors.ts";
import { ArchiveCheck, type Bytes, observed } from "../oci/index.ts";

export interface Verification {
  readonly ok: boolean;
  /** Files in the archive. */
  readonly files: number;
  /** Names of the images in it. */
  readonly images: readonly string[];
  readonly problems: readonly string[];
}

/** A bundle may be of any size; what is kept of it is bounded. Zeros deflate to a thousandth. */
const limits = { entries: 1_000_000, bytes: Number.MAX_SAFE_INTEGER, ratio: 2000 } as const;
/** The largest file of a bundle that is read as text. */
const MAX_TEXT = 16 * 1024 * 1024;
const TEXTS = ["bundle.json", "images.list", "SHA256SUMS"];

/**
 * Check a bundle, or a bare image archive, byte by byte while it flows past once: structure, checksums, every digest, every
 * manifest's references. Nothing is unpacked. gzip or not is told by the bytes, not by a name.
 *
 * What is wrong is a problem in the result, not an error; errors are of the source.
 */
export async function verifyBundle(bytes: Bytes): Promise<Verification> {
  const bundle = new BundleCheck();
  try {
    for await (const { type, path, size, body } of readTar(inflated(bytes, limits), limits)) {
      if (type === "file") await bundle.take(path, size, body);
    }
    bundle.finish();
  } catch (error) {
    if (!(error instanceof StowageError && error.code === "ARCHIVE_INVALID")) throw error;
    bundle.problems.push(error.message);
  }
  const { files, images, problems } = bundle;
  return { ok: problems.length === 0, files: files.size, images, problems };
}

/** A bundle has one directory that holds everything; an image archive begins with its files. */
class BundleCheck {
  readonly problems: string[] = [];
  /** sha256 in hex by path inside the directory. */
  readonly files = new Map<string, string>();
  images: readonly string[] = [];
  readonly #texts = new Map<string, Buffer>();
  readonly #archive = new ArchiveCheck(this.problems);
  #root: string | undefined;
  #kind: "bundle" | "archive" | undefined;

  async take(path: string, size: number, body: Bytes): Promise<void> {
    this.#kind ??= /^(oci-layout|index\.json|manifest\.json|repositories|blobs\/.*)$/.test(path) ? "archive" : "bundle";
    if (this.#kind === "archive") {
      this.files.set(path, "");
      return this.#archive.take({ path, size, body });
    }
    const [root = "", ...rest] = path.split("/");
    const inside = rest.join("/");
    this.#root ??= root;
    if (root !== this.#root || inside === "") this.problems.push(`${path} lies outside the directory ${this.#root}`);
    const hash = createHash("sha256");
    const passing = observed(body, hash);
    if (inside === "images.tar") {
      for await (const entry of readTar(passing, limits)) if (entry.type === "file") await this.#archive.take(entry);
    } else if (TEXTS.includes(inside) && size <= MAX_TEXT) this.#texts.set(inside, await buffer(passing));
    else for await (const _ of passing);
    this.files.set(inside, hash.digest("hex"));
  }

  finish(): void {
    if (this.#kind === undefined) this.problems.push("it holds no files");
    if (this.#kind === "archive" || this.files.has("images.tar")) this.images = this.#archive.finish();
    if (this.#kind !== "bundle") return;
    this.#checkSums();
    this.#checkBill();
  }

  #checkSums(): void {
    const sums = this.#texts.get("SHA256SUMS");
    if (sums === undefined) {
      this.problems.push("SHA256SUMS is missing");
      return;
    }
    const listed = new Map(
      [...sums.toString("utf8").matchAll(/^([a-f0-9]{64}) {2}(.+)$/gm)].map(([, sum, path]) => [path!, sum!]),
    );
    for (const [path, sum] of listed) {
      const actual = this.files.get(path);
      if (actual === undefined) this.problems.push(`${path} is missing, which SHA256SUMS lists`);
      else if (actual !== sum) this.problems.push(`${path} does not have the checksum that SHA256SUMS lists`);
    }
    for (const path of this.files.keys()) {
      if (path !== "SHA256SUMS" && !listed.has(path)) this.problems.push(`${path} is not listed in SHA256SUMS`);
    }
  }

  #checkBill(): void {
    const bill = billSchema.safeParse(parseJson(this.#texts.get("bundle.json") ?? Buffer.alloc(0)));
    if (!bill.success) {
      this.problems.push("bundle.json is missing or is no bill of materials");
      return;
    }
    const named = bill.data.images.map(({ image }) => image);
    const list = (this.#texts.get("images.list") ?? Buffer.alloc(0)).toString("utf8").split("\n").filter(Boolean);
    if (!sameSet(named, list)) this.problems.push("images.list and bundle.json name different images");
    if (!sameSet(named, this.images)) this.problems.push("images.tar and bundle.json name different images");
    for (const { file, digest } of bill.data.charts) {
      if (`sha256:${this.files.get(file)}` !== digest)
        this.problems.push(`${file} is not the chart that bundle.json names`);
    }
  }
}

const billSchema = z.object({
  charts: z.array(z.object({ file: z.string(), digest: z.string() })),
  images: z.array(z.object({ image: z.string() })),
});

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  new Set(a).size === new Set(b).size && new Set(a).isSubsetOf(new Set(b));

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
