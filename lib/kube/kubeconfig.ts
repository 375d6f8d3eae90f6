import type { RequestOptions } from "node:https";
import { delimiter } from "node:path";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { type Credentials, readSecrets, unusable } from "./credentials.ts";

/**
 * The current context of kubeconfig files. What those may hold, proxies and commands that make tokens among it, is
 * client-node's knowledge.
 *
 * @param files as the variable KUBECONFIG names them
 * @throws RejectedError CREDENTIALS_INVALID
 */
export async function readKubeconfig(files: string): Promise<Credentials> {
  const place = `kubeconfig "${files}"`;
  const config = await readSecrets(place, () => merged(files));
  const context = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (!context || !cluster) throw unusable(place, "it has no current context, or that names no cluster");
  const server = URL.parse(`${cluster.server}/`);
  if (server === null) throw unusable(place, "the address of its cluster is no URL");
  return {
    server,
    namespace: context.namespace,
    authorize: () =>
      readSecrets(place, async () => {
        const options: RequestOptions = {};
        await config.applyToHTTPSOptions(options);
        return options;
      }),
  };
}

/** The first file that names a current context decides, as with kubectl. */
function merged(files: string): KubeConfig {
  const config = new KubeConfig();
  const [first = "", ...others] = files.split(delimiter).filter((file) => file !== "");
  config.loadFromFile(first);
  for (const file of others) {
    const other = new KubeConfig();
    other.loadFromFile(file);
    config.mergeConfig(other, Boolean(config.currentContext));
  }
  return config;
}
