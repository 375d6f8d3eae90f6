import { createHash } from "node:crypto";
import { buildBundle, checkRelease } from "../lib/bundle/index.ts";
import { buildImage, type Layer, openBuilt, type Registries } from "../lib/oci/index.ts";
import { openStore, type Store } from "../lib/store/index.ts";

/** Bytes of a layer. */
const LAYER = 1e9;
const CHUNK = 256 * 1024;

/**
 * Build a bundle of layers that are made while they are read, into a store that forgets what it is given: nothing takes
 * memory but the building. Run as a process of its own, to be measured: `bundle-generated.ts GIGABYTES`.
 */
async function buildGenerated(gigabytes: number): Promise<void> {
  const layers = Array.from({ length: gigabytes }, (_, number) => generatedLayer(number));
  const place = openBuilt({ "1": buildImage({ platform: "linux/amd64", layers }) });
  const registries: Registries = {
    ...({} as Registries),
    repository: () => place as ReturnType<Registries["repository"]>,
  };
  const memory = await openStore("memory:");
  const forgetful: Store = {
    ...memory,
    async put(key, body, options) {
      if (typeof body === "string" || body instanceof Uint8Array || !("read" in body))
        return memory.put(key, body, options);
      for await (const _ of body.read(0, body.size, options?.signal));
      sizes.set(key, body.size);
      return "written";
    },
    stat: async (key, signal) => {
      const size = sizes.get(key);
      return size === undefined ? memory.stat(key, signal) : { key, size, modified: new Date(0), version: "1" };
    },
  };
  const sizes = new Map<string, number>();
  const renderer = { version: "none", render: () => Promise.reject(new Error("there are no charts")) };
  const release = checkRelease({ name: "generated", version: "1", images: ["registry.example.com/generated:1"] });
  const { size } = await buildBundle(release, { store: forgetful, registries, renderer }, new AbortController().signal);
  process.stdout.write(`${size}\n`);
}

function generatedLayer(number: number): Layer {
  const bytes = async function* () {
    const chunk = Buffer.alloc(CHUNK, `layer ${number} `);
    for (let left = LAYER; left > 0; left -= CHUNK) yield Buffer.from(left < CHUNK ? chunk.subarray(0, left) : chunk);
  };
  const hash = createHash("sha256");
  const chunk = Buffer.alloc(CHUNK, `layer ${number} `);
  for (let left = LAYER; left > 0; left -= CHUNK) hash.update(left < CHUNK ? chunk.subarray(0, left) : chunk);
  const digest = `sha256:${hash.digest("hex")}` as const;
  const mediaType = "application/vnd.oci.image.layer.v1.tar";
  return { descriptor: { mediaType, digest, size: LAYER }, diffId: digest, bytes };
}

await buildGenerated(Number(process.argv[2] ?? 1));
