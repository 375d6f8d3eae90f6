import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { type KubeApiServer, startKubeApiServer } from "../real/kube-apiserver.ts";

const root = dirname(dirname(import.meta.dirname));

let shared: Promise<KubeApiServer> | undefined;
after(async () => (await shared)?.[Symbol.asyncDispose]());

/** The API server that all tests of `npm run test:kube` share, which knows Release. Each test works in a namespace of its own. */
export const openCluster = (): Promise<KubeApiServer> => {
  shared ??= prepared();
  return shared;
};

async function prepared(): Promise<KubeApiServer> {
  const cluster = await startKubeApiServer();
  await cluster.define(await readFile(join(root, "charts/stowage/files/release-crd.yaml"), "utf8"));
  return cluster;
}

/** Make a namespace of that name that no other test has. */
export async function newNamespace({ kubectl }: KubeApiServer, beginning: string): Promise<string> {
  const name = `${beginning}-${randomUUID().slice(0, 8)}`;
  await kubectl(["create", "namespace", name]);
  return name;
}
