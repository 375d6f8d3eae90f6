import { bytesSegment, gzipStored, hashing, late, type Segment, type TarEntry, tar } from "../archive/index.ts";
import { fileName } from "../helm/index.ts";
import {
  contentSegment,
  type Descriptor,
  digestOf,
  formatPlatform,
  hexOf,
  imageArchive,
  parseReference,
  type Source,
} from "../oci/index.ts";
import { readObject, type Store } from "../store/index.ts";
import { type BundlePlan, type BundleSources, type PlannedImage, planBundle } from "./plan.ts";
import type { Release } from "./release.ts";

export interface BuiltBundle {
  /** URL of the store that holds it. */
  readonly store: string;
  readonly key: string;
  /** Of the whole file, in hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** How many images are in it. */
  readonly images: number;
  /** Bytes read from registries. */
  readonly moved: number;
  /** Bytes that were in the store already. */
  readonly reused: number;
  readonly seconds: number;
}

/** What is written beside a bundle: it tells the next run that this one need not be built again. */
interface BuildRecord {
  readonly plan: string;
  readonly sha256: string;
  readonly size: number;
}

/**
 * Build the bundle of a release straight into a store: from the registry through a hash into the store, nothing on disk.
 *
 * Everything in it is known by digest before the first layer moves, so the same release gives the same bytes, and a
 * bundle that lies there already is not built again.
 *
 * @param to the store that takes it as `<name>-<version>.tar.gz`; default: below `releases/` of the own store
 * @throws RejectedError as {@linkcode planBundle}
 */
export async function buildBundle(
  release: Release,
  { to, ...sources }: BundleSources & { readonly to?: Store | undefined },
  signal: AbortSignal,
): Promise<BuiltBundle> {
  const started = performance.now();
  const plan = await planBundle(release, sources, signal);
  const store = to ?? sources.store;
  const folder = to === undefined ? `releases/${release.name}/${release.version}/` : "";
  const key = `${folder}${release.name}-${release.version}.tar.gz`;
  const billOfMaterials = describeBundle(plan);
  const planDigest = digestOf(billOfMaterials);
  const done = (part: Pick<BuiltBundle, "sha256" | "size" | "moved" | "reused">): BuiltBundle => ({
    store: store.url,
    key,
    images: plan.images.length,
    seconds: Math.round(performance.now() - started) / 1000,
    ...part,
  });

  const known = await readBuildRecord(store, key, signal);
  if (known?.plan === planDigest && (await store.stat(key, signal))?.size === known.size) {
    return done({ sha256: known.sha256, size: known.size, moved: 0, reused: known.size });
  }
  const meter = { moved: 0 };
  const bundle = hashing(gzipStored(bundleTar(plan, billOfMaterials, meter)));
  await store.put(key, bundle, { signal });
  const written = { sha256: await bundle.sha256(signal), size: bundle.size };
  const record: BuildRecord = { plan: planDigest, ...written };
  await store.put(recordKey(key), `${JSON.stringify(record)}\n`, { signal });
  return done({ ...written, moved: meter.moved, reused: 0 });
}

const recordKey = (key: string): string => `${key}.json`;

async function readBuildRecord(store: Store, key: string, signal: AbortSignal): Promise<BuildRecord | undefined> {
  if ((await store.stat(recordKey(key), signal)) === undefined) return undefined;
  const text = Buffer.from(await readObject(store, recordKey(key), 64 * 1024, signal)).toString("utf8");
  try {
    return JSON.parse(text) as BuildRecord;
  } catch {
    return undefined; // a record nobody can read proves nothing: build again
  }
}

/**
 * The files of a bundle: charts/, images.tar, images.list, bundle.json and, last because they depend on all bytes before,
 * SHA256SUMS. They lie in one directory named like the bundle.
 */
function bundleTar(plan: BundlePlan, billOfMaterials: Uint8Array, meter: { moved: number }): Segment {
  const blob = (source: Source, descriptor: Descriptor): Segment => metered(source, descriptor, meter);
  const named = plan.images.map((planned) => ({ ...planned, reference: parseReference(planned.image) }));
  const images = hashing(imageArchive(named, blob));
  const list = Buffer.from(plan.images.map(({ image }) => `${image}\n`).join(""));
  const files: readonly { path: string; content: Segment; sha256: (signal?: AbortSignal) => Promise<string> }[] = [
    ...[["bundle.json", billOfMaterials] as const, ["images.list", list] as const].map(([path, bytes]) => ({
      path,
      content: bytesSegment(bytes),
      sha256: async () => hexOf(digestOf(bytes)),
    })),
    ...plan.charts.map(({ source, artifact: { chart, metadata } }) => ({
      path: `charts/${fileName(metadata)}`,
      content: blob(source, chart),
      sha256: async () => hexOf(chart.digest),
    })),
    { path: "images.tar", content: images, sha256: images.sha256 },
  ];
  // sha256sum's form: 64 hex digits, two blanks, the path, a line break
  const sums = late(
    files.reduce((size, { path }) => size + 64 + 2 + Buffer.byteLength(path) + 1, 0),
    async (signal) => {
      const lines = await Promise.all(files.map(async ({ path, sha256 }) => `${await sha256(signal)}  ${path}\n`));
      return Buffer.from(lines.join(""));
    },
    "SHA256SUMS",
  );
  const root = `${plan.release.name}-${plan.release.version}`;
  const entries: TarEntry[] = [
    { type: "directory", path: root },
    ...(plan.charts.length > 0 ? [{ type: "directory", path: `${root}/charts` } as const] : []),
    ...files.map(({ path, content }) => ({ type: "file", path: `${root}/${path}`, content }) as const),
    { type: "file", path: `${root}/SHA256SUMS`, content: sums },
  ];
  return tar(entries);
}

/** Content of a registry as a segment, which counts what is read of it. */
function metered(source: Source, descriptor: Descriptor, meter: { moved: number }): Segment {
  const content = contentSegment(source, descriptor);
  return {
    size: content.size,
    async *read(start, end, signal) {
      for await (const chunk of content.read(start, end, signal)) {
        meter.moved += chunk.byteLength;
        yield chunk;
      }
    },
  };
}

/** bundle.json: what is in the bundle, where it came from, and nothing that changes from run to run. */
function describeBundle({ release, charts, images, blobs }: BundlePlan): Uint8Array {
  const bill = {
    format: "stowage-bundle/1",
    name: release.name,
    version: release.version,
    charts: charts.map(({ reference, artifact: { metadata, chart } }) => ({
      name: metadata.name,
      version: metadata.version,
      file: `charts/${fileName(metadata)}`,
      digest: chart.digest,
      size: chart.size,
      source: reference,
    })),
    images: images.map((planned) => ({
      image: planned.image,
      digest: planned.root.digest,
      mediaType: planned.root.mediaType,
      platforms: platformsOf(planned),
      size: planned.graph.blobs.reduce((sum, { size }) => sum + size, 0),
    })),
    blobs: { count: blobs.size, size: [...blobs.values()].reduce((sum, { descriptor }) => sum + descriptor.size, 0) },
  };
  return Buffer.from(`${JSON.stringify(bill, null, 2)}\n`);
}

/** As the index says; an image without index has its platform only in its config. */
function platformsOf({ root, graph }: PlannedImage): readonly string[] {
  const manifest = graph.manifests.find(({ descriptor }) => descriptor.digest === root.digest)?.manifest;
  if (manifest?.kind !== "index") return [];
  return manifest.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === "unknown" ? [] : [formatPlatform(platform)],
  );
}
