import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { isManifest } from "../../../lib/oci/descriptor.ts";
import {
  createRegistryHandler,
  type RegistryChange,
  type RegistryLimits,
  registryServerOptions,
} from "../../../lib/oci/server/registry-handler.ts";
import { openTree, type Tree } from "../../../lib/oci/tree.ts";
import type { Piece } from "../../contracts/image-fixture.ts";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The codes of an error. */
  readonly codes: readonly string[];
}

export interface Sent {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array | string;
}

export interface Served extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Holds the tree: kept when it was given, removed otherwise. */
  readonly root: string;
  readonly tree: Tree;
  /** What was announced. */
  readonly changes: readonly RegistryChange[];
  /** One request, its path sent as it is. */
  send(method: string, path: string, options?: Sent): Promise<Reply>;
  /** Push pieces in their order; the last, a manifest, by `tag` where there is one. */
  push(repository: string, pieces: readonly Piece[], tag?: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ServeOptions {
  readonly root?: string;
  readonly onChange?: (change: RegistryChange) => Promise<void>;
  readonly limits?: RegistryLimits;
}

/** The registry on a free port over a fresh tree. Its disposal fails when the registry logged an error. */
export async function serve({ root, onChange, limits = {} }: ServeOptions = {}): Promise<Served> {
  const directory = root ?? (await mkdtemp(join(tmpdir(), "stowage-served-")));
  const tree = openTree(directory);
  const changes: RegistryChange[] = [];
  const errors: object[] = [];
  const handler = createRegistryHandler({
    tree,
    limits,
    onChange: async (change) => {
      changes.push(change);
      await onChange?.(change);
    },
    log: { warn: () => {}, error: (fields) => errors.push(fields) },
  });
  const server = createServer(registryServerOptions, handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const send = (method: string, path: string, options?: Sent) => sendTo(host, method, path, options);
  return {
    host,
    root: directory,
    tree,
    changes,
    send,
    push: (repository, pieces, tag) => pushTo(host, repository, pieces, tag),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      if (root === undefined) await rm(directory, { recursive: true });
      if (errors.length > 0) throw new AggregateError(errors, "the registry logged errors");
    },
  };
}

export async function sendTo(
  host: string,
  method: string,
  path: string,
  { headers = {}, body }: Sent = {},
): Promise<Reply> {
  const [hostname, port] = host.split(":");
  const sent = request({ hostname, port, method, path, headers, agent: false });
  const answered = once(sent, "response");
  sent.end(body);
  const [response] = (await answered) as [IncomingMessage];
  const content = await buffer(response);
  return { status: response.statusCode!, headers: response.headers, body: content, codes: codesOf(content) };
}

function codesOf(body: Buffer): readonly string[] {
  if (!body.toString("latin1").startsWith('{"errors":')) return [];
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] };
  return errors.map(({ code }) => code);
}

export async function pushTo(host: string, repository: string, pieces: readonly Piece[], tag?: string): Promise<void> {
  for (const [position, { descriptor, bytes }] of pieces.entries()) {
    const named = tag !== undefined && position === pieces.length - 1 ? tag : descriptor.digest;
    const { status, body } = isManifest(descriptor.mediaType)
      ? await sendTo(host, "PUT", `/v2/${repository}/manifests/${named}`, {
          headers: { "content-type": descriptor.mediaType },
          body: bytes,
        })
      : await pushBlob(host, repository, { descriptor, bytes });
    if (status !== 201) throw new Error(`Cannot push ${descriptor.digest}: ${status} ${body}`);
  }
}

async function pushBlob(host: string, repository: string, { descriptor, bytes }: Piece): Promise<Reply> {
  const { headers } = await sendTo(host, "POST", `/v2/${repository}/blobs/uploads/`);
  // distribution answers with a whole URL, and keeps state in its query
  const location = new URL(headers.location!, `http://${host}`);
  location.searchParams.set("digest", descriptor.digest);
  return sendTo(host, "PUT", location.pathname + location.search, { body: bytes });
}

/** Ask again until it is so: for what happens on the server after the client has gone away. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it did not become so within 5 seconds");
}
