import { bytesSegment, type Segment, type TarEntry, tar } from "../archive/index.ts";
import { fileName } from "../helm/index.ts";
import { digestOf, formatReference, hexOf, imageArchive, parseReference } from "../oci/index.ts";
import type { Blobs } from "./blobs.ts";
import { PackageFiles } from "./package-files.ts";
import { isGzip, isTar, parentsOf } from "./package-paths.ts";
import type { BundlePlan, PlannedSet } from "./plan.ts";
import type { PlannedImage } from "./plan-images.ts";
import { type Place, Problems } from "./problems.ts";
import { registryTree } from "./registry-tree.ts";
import type { Release } from "./release-schema.ts";
import { fill, imageValues, packagePathProblem, releaseValues } from "./templates.ts";

/** A file of a package. */
export interface PackageFile {
  /** Below the package's directory. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Segment;
  /** In hex. It may have to be read for it; see `hashing`. */
  sha256(signal?: AbortSignal): Promise<string>;
  /** The same, where it is known before the content is read. */
  readonly known?: string | undefined;
  /** The chart that it is: its reference. */
  readonly chart?: string | undefined;
  /** Images that it holds, and how. Files of one tree share one. */
  readonly set?: Pick<PlannedSet, "form" | "images"> | undefined;
}

/** How a package is called, and what its files lie in. */
export interface PackageName {
  readonly file: string;
  /** Empty: nothing. */
  readonly directory: string;
  readonly gzip: boolean;
}

/** Names a package by its description. @throws RejectedError RELEASE_INVALID */
export function namePackage(release: Release): PackageName {
  const problems = new Problems();
  const { name, directory } = release.package;
  const read = (field: "name" | "directory", template: string): string => {
    const at = ["package", field];
    const filled = fill(template, releaseValues(release));
    if ("problem" in filled) problems.add(at, filled.problem);
    else if (filled.text !== "" || field === "name") {
      const problem = packagePathProblem(filled.text);
      if (problem !== undefined) problems.add(at, `"${filled.text}": ${problem}`);
      return filled.text;
    }
    return "";
  };
  const file = read("name", name);
  if (file.includes("/")) problems.add(["package", "name"], "it has a slash");
  if (!isTar(file)) problems.add(["package", "name"], "it ends neither in .tar.gz, .tgz nor .tar");
  const own = read("directory", directory ?? name.replace(/\.(tar\.gz|tgz|tar)$/, ""));
  problems.throwIfAny();
  return { file, directory: own, gzip: isGzip(file) };
}

/**
 * The files of a plan and where they lie: those of the description, the charts, the images.
 *
 * @throws RejectedError RELEASE_INVALID naming every path that cannot be, or is there twice
 */
export function layOut(plan: BundlePlan, blobs: Blobs): readonly PackageFile[] {
  const tree = new PackageFiles(plan.release);
  for (const [position, { path, mode, content, sha256 }] of plan.files.entries()) {
    tree.add(["files", position], path, {
      mode,
      content: blobs.part(`sha256:${sha256}`, content),
      ...knownSum(sha256),
    });
  }
  for (const [position, { source, artifact, reference }] of plan.charts.entries()) {
    const { chart, metadata } = artifact;
    const content = blobs.segment(source, chart);
    const values = { file: fileName(metadata), chart: metadata.name };
    const file = { content, ...knownSum(hexOf(chart.digest)), chart: reference };
    tree.add(["charts", position], plan.release.package.charts, file, values);
  }
  const first = plan.sets.length - plan.release.sets.length;
  for (const [position, set] of plan.sets.entries()) {
    addSet(tree, position < first ? [] : ["sets", position - first], set, blobs);
  }
  return tree.finish();
}

const knownSum = (known: string) => ({ known, sha256: async () => known });

function addSet(tree: PackageFiles, at: Place, set: PlannedSet, blobs: Blobs): void {
  const { path, form, images } = set;
  const blob = blobs.segment.bind(blobs);
  if (form === "per-image") {
    for (const image of images) {
      const values = imageValues(tree.release, nameOf(image));
      const archive = imageArchive([archived(image, false)], blob);
      tree.addArchive(at, image.path ?? path, archive, { form, images: [image] }, values);
    }
    return;
  }
  for (const problem of nameProblems(images, form)) tree.refuse(at, problem);
  if (form === "archive") {
    const named = images.map((image) => archived(image, images.length > 1));
    tree.addArchive(at, path, imageArchive(named, blob), { form, images });
    return;
  }
  const files = registryTree(images, blob);
  if (isTar(path)) {
    const entries = withDirectories(files.map(({ path: inner, content }) => ({ type: "file", path: inner, content })));
    tree.addArchive(at, path, tar(entries), { form, images });
    return;
  }
  const own = { form, images };
  for (const { path: inner, content, digest } of files) {
    tree.add(at, `${path}/${inner}`, { content, ...knownSum(hexOf(digest)), set: own });
  }
}

const nameOf = ({ image, as }: PlannedImage) => as ?? parseReference(image);

/** What an image is called in an archive. Among several, tags would not tell them apart. */
function archived(image: PlannedImage, isOneOfMany: boolean) {
  const reference = nameOf(image);
  return { ...image, reference, ...(isOneOfMany ? { name: formatReference(reference) } : {}) };
}

/** Images that would take each other's name: in a registry's tree they lose their hosts. */
function nameProblems(images: readonly PlannedImage[], form: PlannedSet["form"]): readonly string[] {
  const names = new Map<string, PlannedImage>();
  return images.flatMap((image) => {
    const { repository, tag, ...rest } = nameOf(image);
    if (tag === undefined) return [];
    const name = form === "registry-tree" ? `${repository}:${tag}` : formatReference({ repository, tag, ...rest });
    const other = names.get(name) ?? image;
    names.set(name, other);
    return other.root.digest === image.root.digest ? [] : [`${other.image} and ${image.image} would both be ${name}`];
  });
}

/** Entries with the directories that they lie in, each before what it holds. */
export function withDirectories(entries: readonly TarEntry[]): readonly TarEntry[] {
  const known = new Set<string>();
  return entries.flatMap((entry) => {
    const fresh = parentsOf(entry.path).filter((parent) => known.size !== known.add(parent).size);
    return [...fresh.map((path): TarEntry => ({ type: "directory", path })), entry];
  });
}

/** A file of bytes at hand. */
export function smallFile(path: string, text: string | Uint8Array, mode = 0o644): PackageFile {
  const bytes = Buffer.from(text);
  const known = hexOf(digestOf(bytes));
  return { path, mode, content: bytesSegment(bytes), sha256: async () => known, known };
}
