import { digestOf, hexOf, type Registries } from "../oci/index.ts";
import { type Reader, readObject } from "../store/index.ts";
import { emptyIndex, indexKeys, MAX_INDEX_BYTES, readFiles, toYaml } from "./index-update.ts";

export interface Served {
  /** Strong: the digest of the bytes. */
  readonly etag: string;
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  open(): Promise<Uint8Array | AsyncIterable<Uint8Array>>;
}

/**
 * What a chart repository has at a path of its URL, percent-encoded as it was asked for.
 *
 * @returns undefined when it has nothing there: no registry is asked then
 */
export async function readServed(
  path: string,
  store: Reader,
  registries: Registries,
  signal: AbortSignal,
): Promise<Served | undefined> {
  return path === "/index.yaml" ? serveIndex(store, signal) : serveChart(path, store, registries, signal);
}

async function serveIndex(store: Reader, signal: AbortSignal): Promise<Served> {
  const known = (await store.stat(indexKeys.yaml, signal)) !== undefined;
  const bytes = known
    ? await readObject(store, indexKeys.yaml, MAX_INDEX_BYTES, signal)
    : Buffer.from(toYaml(emptyIndex));
  // the type the original adapter sent (spec CR-W11)
  return { etag: `"${digestOf(bytes)}"`, type: "application/x-yaml", size: bytes.byteLength, open: async () => bytes };
}

async function serveChart(
  path: string,
  store: Reader,
  registries: Registries,
  signal: AbortSignal,
): Promise<Served | undefined> {
  const file = decode(path.slice("/charts/".length));
  if (file === undefined) return undefined;
  const files = await readFiles(store, signal);
  if (!Object.hasOwn(files, file)) return undefined;
  const { registry, repository, chart } = files[file]!;
  const source = registries.repository(registry, repository);
  return {
    etag: `"${hexOf(chart.digest)}"`,
    type: "application/gzip",
    size: chart.size,
    open: () => source.open(chart, { signal }),
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // malformed percent-encoding names no file
  }
}
