import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { type FileEntry, layerTar } from "../../lib/oci/layer-tar.ts";
import type { ArchivedFile } from "./image-tars.ts";

export const run = promisify(execFile);

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export async function layerOf(...files: FileEntry[]): Promise<Buffer> {
  const tar = await layerTar(files);
  return Buffer.concat(await Array.fromAsync(tar.read(0, tar.size)));
}
export const base = await layerOf({ path: "base", content: "shared" });
export const own = await layerOf({ path: "own", content: "its own" });

export interface Saved {
  readonly config: Buffer;
  readonly item: { readonly Config: string; readonly RepoTags: string[] | null; readonly Layers: string[] | null };
}

export const configOf = (layers: readonly Uint8Array[], more: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      ...more,
    }),
  );
export const saved = (
  layers: readonly Uint8Array[],
  paths: string[] | null,
  tags: string[] | null,
  more?: object,
): Saved => {
  const config = configOf(layers, more);
  return { config, item: { Config: `${sha256(config)}.json`, RepoTags: tags, Layers: paths } };
};
export const filesOf = (...images: readonly Saved[]): ArchivedFile[] => [
  ...new Map(images.map(({ config, item }) => [item.Config, { path: item.Config, content: config }])).values(),
  { path: "manifest.json", content: JSON.stringify(images.map(({ item }) => item)) },
];

/** What docker wrote before 25: a directory a layer, and a link to a layer that came before. */
export const [id1, id2, id3] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];
export const web = saved([base, own], [`${id1}/layer.tar`, `${id2}/layer.tar`], ["acme/web:1", "acme/web:latest"]);
export const twice = saved([base, base], [`${id1}/layer.tar`, `${id3}/layer.tar`], ["db:1"]);
export const untagged = saved([base], [`${id1}/layer.tar`], null, { created: "2016-01-01T00:00:00Z" });
export const dockerSave: readonly ArchivedFile[] = [
  { path: `${id1}/VERSION`, content: "1.0" },
  { path: `${id1}/json`, content: "{}" },
  { path: `${id1}/layer.tar`, content: base },
  { path: `${id2}/layer.tar`, content: own },
  { path: `${id3}/layer.tar`, link: `../${id1}/layer.tar` },
  ...filesOf(web, twice, untagged),
  { path: "repositories", content: JSON.stringify({ "acme/web": { "1": id2 } }) },
];
