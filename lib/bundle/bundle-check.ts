import { createHash } from "node:crypto";
import type { ReadEntry } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { type Bytes, observed, parseReference } from "../oci/index.ts";
import { BILL, type Bill, parseBill } from "./bill.ts";
import { parseSums, SUMS } from "./checksums.ts";
import { archiveCheck, ContentsCheck, type FoundImages, type ImagesCheck } from "./contents-check.ts";
import { NEW, parseRecipe, RECIPE, type RecipeFile } from "./recipe.ts";
import { SIGNATURE, type SignatureCheck } from "./signature.ts";

/** The largest file of a bundle that is read as text. */
const MAX_TEXT = 256 * 1024 * 1024;
const LIST = "images.list";
const TEXTS = [BILL, LIST, SUMS, SIGNATURE, RECIPE];

/** A file as it flows past. */
type ReadFile = Pick<ReadEntry, "path" | "mode" | "size" | "body">;

interface CheckedFile {
  readonly sha256: string;
  readonly size: number;
  readonly mode: number;
}

/**
 * Checks a package while its files flow past: `take` each, then `finish`. A package that is exact has only its contents to
 * be checked by; every other is held against its SHA256SUMS and bundle.json.
 */
export class BundleCheck {
  readonly problems: string[];
  /** By path, as it stands in the package. */
  readonly files = new Map<string, CheckedFile>();
  images: readonly string[] = [];
  /** Of a delta. */
  recipe: readonly RecipeFile[] | undefined;
  base: Bill["base"];
  billSha256: string | undefined;
  readonly #signature: SignatureCheck | undefined;
  readonly #texts = new Map<string, Buffer>();
  readonly #contents: ContentsCheck;
  /** Set when the package is an image archive itself: undefined inside when it is none. */
  #bare: { readonly check: ImagesCheck | undefined } | undefined;

  constructor(problems: string[], signature?: SignatureCheck) {
    this.problems = problems;
    this.#signature = signature;
    this.#contents = new ContentsCheck(problems);
  }

  /** Read a file to its end. */
  async take(file: ReadFile): Promise<void> {
    const { path, mode, size, body } = file;
    this.#bare ??= { check: archiveCheck("", path, this.problems) };
    if (this.#bare.check !== undefined) {
      this.files.set(path, { sha256: "", size, mode });
      return this.#bare.check.take(file);
    }
    const hash = createHash("sha256");
    const bytes = observed(body, hash)[Symbol.asyncIterator]();
    // whoever looks into it may stop early, and the rest is hashed all the same
    const shared: Bytes = { [Symbol.asyncIterator]: () => ({ next: () => bytes.next() }) };
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (TEXTS.includes(name) && size <= MAX_TEXT) {
      this.#texts.set(path, Buffer.concat(await Array.fromAsync(shared, (chunk) => Buffer.from(chunk))));
    } else if (!this.#isPart(path)) await this.#contents.take(path, size, shared);
    for await (const _ of shared);
    this.files.set(path, { sha256: hash.digest("hex"), size, mode });
  }

  finish(): void {
    if (this.files.size === 0) this.problems.push("it holds no files");
    if (this.#bare?.check !== undefined) {
      this.images = this.#bare.check.finish();
      return;
    }
    const found = this.#contents.finish();
    this.images = [...new Set(found.flatMap(({ names }) => names))];
    const directory = this.#directory();
    if (directory === undefined) {
      // nothing else tells whether these are what they are called
      this.problems.push(...this.#contents.unreadable);
      if (this.#signature !== undefined) this.problems.push(`${SIGNATURE} is missing`);
      return;
    }
    for (const path of this.files.keys()) {
      if (!path.startsWith(directory))
        this.problems.push(`${path} lies outside the directory ${directory.slice(0, -1)}`);
    }
    this.#checkSums(directory);
    this.#checkBill(directory, found);
  }

  /** Parts of files, of a delta: they hold nothing that could be looked at alone. */
  #isPart(path: string): boolean {
    const at = path.indexOf(NEW);
    return at >= 0 && this.#texts.has(path.slice(0, at) + RECIPE);
  }

  /** With the slash behind it; undefined for a package that is exact. */
  #directory(): string | undefined {
    const tells = [...this.#texts.keys()].filter((path) => path.endsWith(BILL) || path.endsWith(SUMS));
    const [top] = tells.filter((path) => !path.includes(NEW)).sort((a, b) => a.length - b.length);
    return top?.slice(0, top.lastIndexOf("/") + 1);
  }

  #checkSums(directory: string): void {
    const text = this.#texts.get(directory + SUMS);
    const sums = text && parseSums(text.toString("utf8"));
    if (sums === undefined) {
      this.problems.push(`${SUMS} is ${text === undefined ? "missing" : "no list of checksums"}`);
      return;
    }
    for (const [path, sum] of sums) {
      const actual = this.files.get(directory + path)?.sha256;
      if (actual === undefined) this.problems.push(`${path} is missing, which ${SUMS} lists`);
      else if (actual !== sum) this.problems.push(`${path} does not have the checksum that ${SUMS} lists`);
    }
    for (const path of this.#below(directory)) {
      if (path !== SUMS && !sums.has(path)) this.problems.push(`${path} is not listed in ${SUMS}`);
    }
  }

  #checkBill(directory: string, found: readonly FoundImages[]): void {
    const bytes = this.#texts.get(directory + BILL);
    const bill = bytes && parseBill(bytes);
    if (bytes === undefined || bill === undefined) {
      this.problems.push(`${BILL} is missing or is no bill of materials`);
      return;
    }
    this.billSha256 = this.files.get(directory + BILL)?.sha256;
    this.#checkSignature(bytes, this.#texts.get(directory + SIGNATURE));
    const others = new Set(this.#below(directory));
    for (const name of [BILL, SIGNATURE, SUMS]) others.delete(name);
    for (const { path, size, sha256, mode } of bill.files) {
      const actual = this.files.get(directory + path);
      if (!others.delete(path) || actual === undefined) this.problems.push(`${path} is missing, which ${BILL} names`);
      else if (actual.sha256 !== sha256 || actual.size !== size) this.problems.push(`${path} is not what ${BILL} says`);
      else if (actual.mode !== Number.parseInt(mode, 8))
        this.problems.push(`${path} does not have the mode of ${BILL}`);
    }
    for (const path of others) this.problems.push(`${path} is not named in ${BILL}`);
    if (bill.base === undefined) this.#checkImages(directory, bill, found);
    else this.#checkRecipe(directory, bill);
  }

  #checkSignature(bytes: Buffer, signature: Buffer | undefined): void {
    if (this.#signature === undefined) return;
    if (signature === undefined) this.problems.push(`${SIGNATURE} is missing`);
    else if (!this.#signature(bytes, signature))
      this.problems.push(`${SIGNATURE} is not the signature of ${BILL} by this key`);
  }

  #checkImages(directory: string, { images, charts }: Bill, found: readonly FoundImages[]): void {
    const list =
      this.#texts
        .get(directory + LIST)
        ?.toString("utf8")
        .split("\n")
        .filter(Boolean) ?? [];
    if (
      !sameSet(
        images.map(({ image }) => image),
        list,
      )
    )
      this.problems.push(`${LIST} and ${BILL} name different images`);
    const foundAt = new Map(found.map(({ path, names }) => [path.slice(directory.length), names]));
    for (const [path, named] of Map.groupBy(images, (image) => image.path)) {
      const wanted = named.flatMap(({ image, form }) => (form === "registry-tree" ? nameInTree(image) : [image]));
      if (!sameSet(wanted, foundAt.get(path) ?? [])) this.problems.push(`${path} and ${BILL} name different images`);
    }
    for (const { file, digest } of charts) {
      if (`sha256:${this.files.get(directory + file)?.sha256}` !== digest) {
        this.problems.push(`${file} is not the chart that ${BILL} names`);
      }
    }
  }

  #checkRecipe(directory: string, { base }: Bill): void {
    this.base = base;
    try {
      this.recipe = parseRecipe(this.#texts.get(directory + RECIPE)?.toString("utf8") ?? "");
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      this.problems.push(error.message);
      return;
    }
    for (const { path, pieces } of this.recipe) {
      const fresh = pieces.reduce((sum, { size, from }) => (from ? sum : sum + size), 0);
      const actual = this.files.get(`${directory}${NEW}${path}`)?.size ?? 0;
      if (fresh !== actual) this.problems.push(`${NEW}${path} has ${actual} bytes, ${RECIPE} wants ${fresh}`);
    }
  }

  #below(directory: string): readonly string[] {
    return [...this.files.keys()]
      .filter((path) => path.startsWith(directory))
      .map((path) => path.slice(directory.length));
  }
}

/** Images without tag have no name in a tree. */
function nameInTree(image: string): readonly string[] {
  const { repository, tag } = parseReference(image);
  return tag === undefined ? [] : [`${repository}:${tag}`];
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  new Set(a).size === new Set(b).size && new Set(a).isSubsetOf(new Set(b));
