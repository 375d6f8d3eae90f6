import { RejectedError } from "../errors.ts";
import type { Base } from "./base.ts";
import { type Bill, describeBundle, formatBill } from "./bill.ts";
import { blobsInTar } from "./contents.ts";
import { installScript } from "./install-script.ts";
import { type CompletePackage, installable, sealed } from "./package.ts";
import { type PackageFile, type PackageName, smallFile } from "./package-tree.ts";
import type { BundlePlan } from "./plan.ts";
import { formatRecipe, freshPart, type Piece, RECIPE, type RecipeFile } from "./recipe.ts";
import type { Signer } from "./signature.ts";

/** Bytes of the smallest blob that is worth a piece of its own. */
const LEAST = 4096;
const BLOCK = 512;

/** How a delta is called: as the bundle that comes out, and from which. @throws RejectedError BASE_INVALID */
export function nameDelta({ file, directory, gzip }: PackageName, { bill, directory: base }: Base): PackageName {
  const [, stem = "", ending = ""] = /^(.*?)(\.tar\.gz|\.tgz|\.tar)$/.exec(file)!;
  if (directory === "" || directory === base) {
    throw new RejectedError(
      "BASE_INVALID",
      `Cannot make a delta from "${base}": the bundle that comes out needs a directory of another name`,
    );
  }
  return { gzip, file: `${stem}-from-${bill.version}${ending}`, directory: `${directory}-from-${bill.version}` };
}

/**
 * The files of a delta: what the base does not have below `new/`, and `join.list`, which says how the files of the whole
 * bundle are put together. What comes out is byte for byte the whole bundle.
 *
 * @param whole the complete package; its blobs are read from the base where that has them
 */
export async function deltaPackage(
  plan: BundlePlan,
  whole: CompletePackage,
  { directory }: PackageName,
  base: Base,
  signer: Signer | undefined,
  signal: AbortSignal,
): Promise<CompletePackage> {
  const recipe: RecipeFile[] = [];
  const fresh: PackageFile[] = [];
  for (const file of whole.files) {
    const pieces = await piecesOf(file, base, signal);
    recipe.push({ path: file.path, mode: file.mode, pieces });
    const kept = pieces.filter(({ from }) => from === undefined);
    if (kept.length > 0) fresh.push(freshPart(file, pieces));
  }
  const { name, version } = plan.release;
  const script = installScript({
    name,
    version,
    images: installable(whole.files),
    directory,
    base: { directory: base.directory, sha256: base.sha256 },
  });
  const files = [smallFile(RECIPE, formatRecipe(recipe)), smallFile("install.sh", script, 0o755), ...fresh];
  const describe = (sums: ReadonlyMap<string, string>, bill: Bill): Bill => ({
    ...bill,
    format: "stowage-delta/2",
    base: { directory: base.directory, sha256: base.sha256 },
    files: describeBundle({ ...plan, charts: [] }, files, sums).files,
  });
  const size = formatBill(describe(new Map(), describeBundle(plan, whole.files))).byteLength;
  return sealed(
    files,
    async (stop) => {
      const sums = new Map<string, string>();
      for (const { path, known, sha256 } of files) if (known === undefined) sums.set(path, await sha256(stop));
      return describe(sums, await whole.bill(stop));
    },
    size,
    signer,
  );
}

/** How a file is put together: of pieces that the base has, and of new ones. Each but the last is of whole blocks. */
async function piecesOf(file: PackageFile, base: Base, signal: AbortSignal): Promise<readonly Piece[]> {
  const { path, known, content, set } = file;
  const { size } = content;
  const same = known === undefined || size === 0 ? undefined : base.extents.get(`sha256:${known}`);
  if (same !== undefined && same.offset % BLOCK === 0) return [{ size, from: same }];
  const blobs = set !== undefined && path.endsWith(".tar") ? await blobsInTar(content, signal) : [];
  const pieces: Piece[] = [];
  let at = 0;
  for (const { digest, offset, size: bytes } of blobs) {
    const from = base.extents.get(digest);
    if (from === undefined || from.size !== bytes || bytes < LEAST || from.offset % BLOCK !== 0) continue;
    if (offset > at) pieces.push({ size: offset - at });
    // what fills the last block is new: the base may end within its own
    const whole = bytes - (bytes % BLOCK);
    pieces.push({ size: whole, from: { ...from, size: whole } });
    at = offset + whole;
  }
  if (size > at || pieces.length === 0) pieces.push({ size: size - at });
  return pieces;
}
