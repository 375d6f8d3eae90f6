import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { functions } from "../../functions/index.ts";
import { compose } from "../../lib/compose.ts";
import { checkConfig } from "../../lib/config/index.ts";
import { originate, type WireEvent } from "../../lib/events/index.ts";
import type { KubeObject } from "../../lib/kube/index.ts";
import { buildImage, buildIndex, buildLayer } from "../../lib/oci/index.ts";
import { readTriggers, startLocal } from "../../lib/runtime/local/index.ts";
import { silent } from "../contracts/host.ts";
import { type EmbeddedRegistry, startEmbeddedRegistry } from "../real/embedded-registry.ts";

export const HOST = "registry.example.com";
export const MIRROR = "mirror.example.com";

export interface ReleasePipeline extends AsyncDisposable {
  /** `HOST`: holds `demo/hello:1`. */
  readonly registry: EmbeddedRegistry;
  /** `MIRROR`: holds nothing. */
  readonly mirror: EmbeddedRegistry;
  /** Tell of a Release as an ApiServerSource does, and let everything happen that follows. */
  tell(change: "add" | "update" | "delete", object: KubeObject): Promise<void>;
}

/** Every function behind the triggers of a cluster, with the API server of a kubeconfig, in one process. */
export async function startReleasePipeline(kubeconfig: string): Promise<ReleasePipeline> {
  process.env["KUBECONFIG"] = kubeconfig;
  const [registry, mirror] = await Promise.all([startEmbeddedRegistry(), startEmbeddedRegistry()]);
  const layer = await buildLayer([{ path: "content", content: "hello" }]);
  await registry.push("demo/hello", "1", buildIndex([buildImage({ platform: "linux/amd64", layers: [layer] })]));
  const directory = await mkdtemp(join(tmpdir(), "stowage-releases-"));
  const endpoints = { [HOST]: `http://${registry.host}`, [MIRROR]: `http://${mirror.host}` };
  const config = checkConfig({ store: `file:${join(directory, "store")}` });
  const local = await startLocal({
    functions,
    wiring: await readTriggers(join(dirname(dirname(import.meta.dirname)), "triggers")),
    directory,
    port: 0,
    log: silent,
    compose: (publish) => compose(config, { log: silent, publish, endpoints }),
  });
  let count = 0;
  return {
    registry,
    mirror,
    async tell(change, data) {
      const { apiVersion, kind, metadata } = data;
      const { name, namespace = "" } = metadata;
      // knative/eventing pkg/adapter/apiserver/events/events.go
      const subject = `/apis/${apiVersion}/namespaces/${namespace}/releases/${name}`;
      const init = { source: "https://10.96.0.1:443", subject, data } as const;
      const event: WireEvent = originate("dev.knative.apiserver.resource.add", `${count++}`, init);
      const type = `dev.knative.apiserver.resource.${change}`;
      const extensions = { kind, apiversion: apiVersion, name, namespace };
      await local.broker.accept([{ ...event, type, data, extensions }]);
      await local.broker.idle();
    },
    async [Symbol.asyncDispose]() {
      await local.close();
      for (const each of [registry, mirror]) await each[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
