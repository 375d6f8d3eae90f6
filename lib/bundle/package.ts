import { late } from "../archive/index.ts";
import { digestOf, formatReference, hexOf, parseReference } from "../oci/index.ts";
import { BILL, type Bill, describeBundle, formatBill, imagesIn } from "./bill.ts";
import { SUMS, sumLine, sumLineSize } from "./checksums.ts";
import { type InstallableImage, installScript } from "./install-script.ts";
import { type PackageFile, type PackageName, smallFile } from "./package-tree.ts";
import type { BundlePlan } from "./plan.ts";
import { Problems } from "./problems.ts";
import { SIGNATURE, SIGNATURE_SIZE, type Signer } from "./signature.ts";

export interface CompletePackage {
  /** In the order in which they lie in the package. */
  readonly files: readonly PackageFile[];
  /** With all digests; what they are of may have to be read. */
  bill(signal?: AbortSignal): Promise<Bill>;
}

/** Names that a package which is not exact keeps for itself. */
const reserved = [BILL, SIGNATURE, SUMS, "images.list"];

/**
 * What every package gets besides its contents, unless it is exact: install.sh (where it brings none of its own),
 * images.list, bundle.json with its signature, and SHA256SUMS. Those that tell of others come behind them.
 *
 * @throws RejectedError RELEASE_INVALID when a file of the description takes one of their names
 */
export function completePackage(
  plan: BundlePlan,
  contents: readonly PackageFile[],
  { directory }: PackageName,
  signer: Signer | undefined,
): CompletePackage {
  const problems = new Problems();
  const { exact } = plan.release.package;
  if (exact && signer !== undefined) problems.add(["package", "exact"], "it leaves no place for a signature");
  for (const { path } of exact ? [] : contents.filter((file) => reserved.includes(file.path))) {
    problems.add([], `path "${path}" belongs to the bundle itself; package.exact leaves it free`);
  }
  problems.throwIfAny();
  if (exact) return { files: contents, bill: billOf(plan, contents) };

  const { name, version } = plan.release;
  const hasInstaller = contents.some(({ path }) => path === "install.sh");
  const script = installScript({ name, version, images: installable(contents), directory: directory || name });
  const files = [
    ...(hasInstaller ? [] : [smallFile("install.sh", script, 0o755)]),
    smallFile("images.list", imageList(contents)),
    ...contents,
  ];
  return sealed(files, billOf(plan, files), formatBill(describeBundle(plan, files)).byteLength, signer);
}

/** Files with their bill behind them, its signature, and the checksums of all. */
export function sealed(
  files: readonly PackageFile[],
  bill: CompletePackage["bill"],
  billSize: number,
  signer: Signer | undefined,
): CompletePackage {
  const billFile = lateFile(BILL, billSize, async (signal) => formatBill(await bill(signal)));
  const signature =
    signer && lateFile(SIGNATURE, SIGNATURE_SIZE, async (signal) => signer.sign(formatBill(await bill(signal))));
  const listed = [...files, billFile, ...(signature === undefined ? [] : [signature])];
  const sumsSize = listed.reduce((sum, { path }) => sum + sumLineSize(path), 0);
  const sums = lateFile(SUMS, sumsSize, async (signal) => {
    const lines: string[] = [];
    for (const { path, sha256 } of listed) lines.push(sumLine(await sha256(signal), path));
    return Buffer.from(lines.join(""));
  });
  return { files: [...listed, sums], bill };
}

function billOf(plan: BundlePlan, files: readonly PackageFile[]): CompletePackage["bill"] {
  return async (signal) => {
    const sums = new Map<string, string>();
    for (const { path, known, sha256 } of files) if (known === undefined) sums.set(path, await sha256(signal));
    return describeBundle(plan, files, sums);
  };
}

/** A file that tells of others: its bytes are made when they are asked for, each time the same. */
function lateFile(path: string, size: number, produce: (signal?: AbortSignal) => Promise<Uint8Array>): PackageFile {
  return {
    path,
    mode: 0o644,
    content: late(size, produce, path),
    sha256: async (signal) => hexOf(digestOf(await produce(signal))),
  };
}

const imageList = (files: readonly PackageFile[]): string => {
  const names = imagesIn(files).map(({ image: { image, as } }) => formatReference(as ?? parseReference(image)));
  return [...new Set(names)]
    .sort()
    .map((name) => `${name}\n`)
    .join("");
};

export function installable(files: readonly PackageFile[]): readonly InstallableImage[] {
  const all = imagesIn(files);
  return all.map(({ image, form, path }) => {
    const reference = image.as ?? parseReference(image.image);
    const { repository, tag, digest } = reference;
    const isAlone = all.filter((other) => other.path === path).length === 1;
    return {
      form,
      path,
      image: formatReference(reference),
      name: isAlone && tag !== undefined ? tag : formatReference(reference),
      target: tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`,
      sparse: image.graph.manifests.some(({ sparse }) => sparse) && !image.rewriteIndex,
    };
  });
}
