import * as z from "zod";
import { formatReference, isDigest, parseReference } from "../oci/index.ts";
import type { PackageFile } from "./package-tree.ts";
import type { BundlePlan } from "./plan.ts";
import { imageForms } from "./release-schema.ts";

/** The name of the bill of materials in a bundle. */
export const BILL = "bundle.json";

const sha256 = z.string().regex(/^[a-f0-9]{64}$/);
const digest = z.string().refine(isDigest, "is not a sha256 digest");

/** bundle.json: what is in a bundle and where it came from, and nothing that changes from run to run. */
export const billSchema = z.object({
  format: z.enum(["stowage-bundle/2", "stowage-delta/2"]),
  name: z.string(),
  version: z.string(),
  /** What a delta is based on: its directory, and the digest of its bundle.json. */
  base: z.object({ directory: z.string(), sha256 }).optional(),
  /** Every file but this one, its signature and SHA256SUMS. */
  files: z.array(z.object({ path: z.string(), size: z.int().min(0), sha256, mode: z.string() })),
  charts: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      file: z.string(),
      digest,
      size: z.int().min(0),
      source: z.string(),
    }),
  ),
  images: z.array(
    z.object({
      /** What it is called in the bundle. */
      image: z.string(),
      source: z.string(),
      digest,
      mediaType: z.string(),
      platforms: z.array(z.string()),
      /** Bytes of its layers and configs. */
      size: z.int().min(0),
      form: z.enum(imageForms),
      /** The file that holds it, or the tree. */
      path: z.string(),
    }),
  ),
});
export type Bill = z.output<typeof billSchema>;

/** Larger is none. */
export const MAX_BILL = 256 * 1024 * 1024;

export const formatBill = (bill: Bill): Buffer => Buffer.from(`${JSON.stringify(bill, null, 2)}\n`);

/** @returns undefined when it is none */
export function parseBill(bytes: Uint8Array): Bill | undefined {
  try {
    return billSchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

/** What a bill says of a digest that is not known yet: as long as one. */
export const UNKNOWN_SHA256 = "0".repeat(64);

/** @param sums of files whose digest is not known beforehand, by path; without them the bill only has its size */
export function describeBundle(
  plan: BundlePlan,
  files: readonly PackageFile[],
  sums: ReadonlyMap<string, string> = new Map(),
): Bill {
  const { release, charts } = plan;
  return {
    format: "stowage-bundle/2",
    name: release.name,
    version: release.version,
    files: files.map(({ path, content: { size }, mode, known }) => ({
      path,
      size,
      sha256: sums.get(path) ?? known ?? UNKNOWN_SHA256,
      mode: mode.toString(8).padStart(4, "0"),
    })),
    charts: charts.map(({ reference, artifact: { metadata, chart } }) => ({
      name: metadata.name,
      version: metadata.version,
      file: files.find((file) => file.chart === reference)!.path,
      digest: chart.digest,
      size: chart.size,
      source: reference,
    })),
    images: imagesIn(files).map(({ image: { image, as, root, graph, platforms }, form, path }) => ({
      image: formatReference(as ?? parseReference(image)),
      source: image,
      digest: root.digest,
      mediaType: root.mediaType,
      platforms: [...platforms],
      size: graph.blobs.reduce((sum, { size }) => sum + size, 0),
      form,
      path,
    })),
  };
}

/** The images of a package and where each lies. A tree of many files is one place. */
export function imagesIn(files: readonly PackageFile[]) {
  const sets = new Map<PackageFile["set"], string>();
  for (const { path, set } of files) {
    if (set !== undefined && !sets.has(set)) sets.set(set, path.replace(/\/docker\/registry\/v2\/.*$/, ""));
  }
  return [...sets].flatMap(([set, path]) => set!.images.map((image) => ({ image, form: set!.form, path })));
}
