import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Built,
  copy,
  createRegistryHandler,
  openBuilt,
  openRegistries,
  openTree,
  type Registries,
  type RegistryChange,
  registryServerOptions,
  type Tree,
} from "../../lib/oci/index.ts";

export interface EmbeddedRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly tree: Tree;
  /** Where the tree lies. */
  readonly directory: string;
  /** Clients to it, under its own host and under `registry.example.com`. */
  readonly registries: Registries;
  /** What it announced, in order. */
  readonly changes: readonly RegistryChange[];
  /** `GET /v2/…` of every request since the start. */
  readonly requests: string[];
  push(repository: string, tag: string, built: Built): Promise<void>;
}

/** The embedded registry over an empty directory, on a free loopback port. Ends and removes itself on disposal. */
export async function startEmbeddedRegistry(): Promise<EmbeddedRegistry> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-embedded-"));
  const tree = await openTree(directory);
  const changes: RegistryChange[] = [];
  const requests: string[] = [];
  const handler = createRegistryHandler({ tree, onChange: async (change) => void changes.push(change) });
  const server = createServer(registryServerOptions, (request: IncomingMessage, response) => {
    requests.push(`${request.method} ${request.url}`);
    handler(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registries = openRegistries({
    settings: [{ host: "registry.example.com", endpoint: `http://${host}` }],
    credentialFiles: [],
    userAgent: "stowage-test",
  });
  return {
    host,
    tree,
    directory,
    registries,
    changes,
    requests,
    push: async (repository, tag, built) => {
      await copy(openBuilt({ [tag]: built }), tag, registries.repository("registry.example.com", repository));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      // an upload whose client has gone may still be tidying up
      await rm(directory, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
