import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { inflated, readTar } from "../lib/archive/index.ts";
import {
  copy,
  createRegistryHandler,
  openImageArchive,
  openTree,
  parseReference,
  type Registries,
  registryServerOptions,
} from "../lib/oci/index.ts";

export interface EmptyRegistry extends AsyncDisposable {
  readonly host: string;
}

/** A registry as a customer has it: empty, on loopback. */
export async function startEmptyRegistry(directory: string): Promise<EmptyRegistry> {
  const handler = createRegistryHandler({ tree: await openTree(directory), onChange: async () => {} });
  const server = createServer(registryServerOptions, handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Take the image archive out of a bundle and copy every image of it to a registry. */
export async function loadBundle(
  bundle: string,
  directory: string,
  registries: Registries,
  host: string,
): Promise<readonly { readonly image: string; readonly digest: string }[]> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, "images.tar");
  const limits = { entries: 10_000, bytes: 1024 ** 3 };
  for await (const entry of readTar(inflated(createReadStream(bundle), limits), limits)) {
    if (entry.path.endsWith("/images.tar")) await pipeline(entry.body, createWriteStream(file));
  }
  await using archive = await openImageArchive(file);
  const loaded: { image: string; digest: string }[] = [];
  for await (const image of archive.tags()) {
    const { repository, tag } = parseReference(image);
    if (tag === undefined) continue;
    const { descriptor } = await copy(archive, image, registries.repository(host, repository), { as: tag });
    loaded.push({ image: `${repository}:${tag}`, digest: descriptor.digest });
  }
  return loaded;
}
