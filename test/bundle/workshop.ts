import { execFile } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import {
  type BuildOptions,
  type BuiltBundle,
  buildBundle,
  checkRelease,
  type StoredBundle,
} from "../../lib/bundle/index.ts";
import type { Renderer } from "../../lib/helm/index.ts";
import {
  type Built,
  buildImage,
  buildIndex,
  buildLayer,
  copy,
  openBuilt,
  openRegistries,
  type Registries,
} from "../../lib/oci/index.ts";
import { openStore, readObject, type Store } from "../../lib/store/index.ts";
import { type EmbeddedRegistry, startEmbeddedRegistry } from "../real/embedded-registry.ts";

export const HOST = "registry.example.com";

/** A registry under several names, a directory for files, and bundles of what is in them. Without charts: no helm. */
export interface Workshop extends AsyncDisposable {
  readonly directory: string;
  readonly registry: EmbeddedRegistry;
  readonly registries: Registries;
  /** Push an index of one image for each platform; `content` is what its own layer holds. */
  push(name: string, content?: string, platforms?: readonly string[]): Promise<Built>;
  /** Push an image of one layer of so many bytes that cannot be compressed, the same for the same seed. */
  pushNoise(name: string, seed: string, bytes: number): Promise<void>;
  /** Write a file that descriptions can name. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  build(description: object, options?: Partial<BuildOptions>): Promise<BuiltBundle & { readonly bytes: Buffer }>;
  /** Build, and unpack by the system's tar. @returns the directory that it was unpacked in */
  unpacked(description: object, options?: Partial<BuildOptions>): Promise<string>;
}

const renderer: Renderer = {
  version: "none",
  render: () => Promise.reject(new Error("there are no charts here")),
};

export async function openWorkshop(hosts: readonly string[] = [HOST]): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-bundle-"));
  const registry = await startEmbeddedRegistry();
  const registries = openRegistries({
    settings: hosts.map((host) => ({ host, endpoint: `http://${registry.host}` })),
    credentialFiles: [],
    userAgent: "stowage-test",
  });
  const files = join(directory, "files");
  await mkdir(files);
  const store = await openStore("memory:");
  const build: Workshop["build"] = async (description, options = {}) => {
    const to: Store = options.to ?? (await openStore("memory:"));
    const given = { store, registries, renderer, files: await openStore(`file:${files}`), ...options, to };
    const built = await buildBundle(checkRelease(description), given, new AbortController().signal);
    const keys = built.volumes === undefined ? [built.key] : await volumeKeys(to, built.key);
    const parts = await Promise.all(keys.map((key) => readObject(to, key, 1e9)));
    return { ...built, bytes: Buffer.concat(parts) };
  };
  return {
    directory,
    registry,
    registries,
    build,
    async push(name, content = name, platforms = ["linux/amd64", "linux/arm64"]) {
      const [repository = "", tag = ""] = name.split(":");
      const base = await buildLayer([{ path: "base", content: "shared by all" }]);
      const images = [];
      for (const platform of platforms) {
        const own = await buildLayer([{ path: "own", content: `${content} for ${platform}` }]);
        images.push(buildImage({ platform, layers: [base, own] }));
      }
      const built = platforms.length === 1 ? images[0]! : buildIndex(images);
      await copy(openBuilt({ [tag]: built }), tag, registries.repository(hosts[0]!, repository));
      return built;
    },
    async pushNoise(name, seed, bytes) {
      const [repository = "", tag = ""] = name.split(":");
      const key = createHash("sha256").update(seed).digest();
      const content = createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
      const layer = await buildLayer([{ path: "data", content }], { level: 0 });
      const image = openBuilt({ [tag]: buildImage({ platform: "linux/amd64", layers: [layer] }) });
      await copy(image, tag, registries.repository(hosts[0]!, repository));
    },
    async write(path, content) {
      await mkdir(dirname(join(files, path)), { recursive: true });
      await writeFile(join(files, path), content);
    },
    async unpacked(description, options) {
      const { bytes } = await build(description, options);
      const target = await mkdtemp(join(directory, "un packed-"));
      await writeFile(join(target, "bundle"), bytes);
      await promisify(execFile)("tar", ["-xf", join(target, "bundle"), "-C", target]);
      await rm(join(target, "bundle"));
      return target;
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function volumeKeys(store: Store, key: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const stat of store.list(`${key}.`)) if (/\.\d{3}$/.test(stat.key)) keys.push(stat.key);
  return keys;
}

/** Bytes as a bundle that lies somewhere. */
export const bundleOf = (bytes: Uint8Array, name = "bundle.tar.gz"): StoredBundle => ({
  name,
  size: bytes.byteLength,
  volumes: [{ name, size: bytes.byteLength }],
  async *read(start, end) {
    // as a disk would give it, not in one piece
    for (let at = start; at < end; at += 10_000) yield bytes.subarray(at, Math.min(at + 10_000, end));
  },
});

/** Every file below a directory with its mode: `755 install.sh`. */
export async function filesBelow(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files
      .sort()
      .map(async (file) => `${((await stat(file)).mode & 0o777).toString(8)} ${file.slice(directory.length + 1)}`),
  );
}
