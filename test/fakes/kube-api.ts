import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../lib/kube/index.ts";
import { bytesOf, sendJson } from "./answers.ts";

export interface KubeApi extends AsyncDisposable {
  /** File that names it. */
  readonly kubeconfig: string;
  /** `GET /apis/…`, in order. */
  readonly requests: readonly string[];
  /** Everything there is, by path. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Put an object there as its user would: a changed spec is a new generation. */
  put(
    plural: string,
    object: Pick<KubeObject, "apiVersion" | "kind"> & { metadata: object; spec?: object },
  ): KubeObject;
  remove(plural: string, name: string): void;
  /** What happens once, just before the next request of that method is looked at: it may answer it. */
  before(method: string, happen: (response: ServerResponse) => void): void;
}

export const NAMESPACE = "apps";

/**
 * As much of a Kubernetes API server as functions need: objects of any kind in namespaces, with uid, generation and
 * resourceVersion as https://github.com/kubernetes/community/blob/main/contributors/devel/sig-architecture/api-conventions.md
 * wants them. Server-side apply knows one manager only: what is applied replaces what was.
 */
export async function startKubeApi(): Promise<KubeApi> {
  const objects = new Map<string, KubeObject>();
  const requests: string[] = [];
  const hooks: { readonly method: string; readonly happen: (response: ServerResponse) => void }[] = [];
  let version = 0;

  /** @returns the object as it is kept: a spec that differs counts as a generation, any write as a version */
  function keep(path: string, object: KubeObject): KubeObject {
    const before = objects.get(path);
    const { generation = 0 } = before?.metadata ?? {};
    const changed = before === undefined || !isDeepStrictEqual(before["spec"], object["spec"]);
    const kept: KubeObject = {
      ...object,
      metadata: {
        namespace: NAMESPACE,
        uid: before?.metadata.uid ?? randomUUID(),
        creationTimestamp: "2026-01-01T00:00:00Z",
        ...object.metadata,
        generation: changed ? generation + 1 : generation,
        resourceVersion: `${++version}`,
      },
    };
    objects.set(path, kept);
    return kept;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    requests.push(`${method} ${url}`);
    const hook = hooks.findIndex((one) => one.method === method);
    if (hook >= 0) hooks.splice(hook, 1)[0]!.happen(response);
    if (response.writableEnded) return;
    const body = (await bytesOf(request)).toString("utf8");
    const { pathname } = new URL(url, "http://localhost");
    const path = pathname.replace(/\/status$/, "");
    const found = objects.get(path);

    if (method === "POST") {
      const object = JSON.parse(body) as KubeObject;
      const at = `${path}/${object.metadata.name}`;
      if (objects.has(at)) return refuse(response, 409, "AlreadyExists");
      response.statusCode = 201;
      return sendJson(response, keep(at, object));
    }
    if (method === "GET" && found === undefined && PLURAL.test(path)) {
      const items = [...objects].filter(([at]) => at.startsWith(`${path}/`)).map(([, object]) => object);
      return sendJson(response, { apiVersion: "v1", kind: "List", metadata: {}, items });
    }
    if (found === undefined) return refuse(response, 404, "NotFound");
    if (method === "GET") return sendJson(response, found);
    if (method === "PATCH" && request.headers["content-type"] === "application/apply-patch+yaml") {
      const { metadata, ...given } = JSON.parse(body) as KubeObject;
      for (const precondition of ["uid", "resourceVersion"] as const) {
        const wanted = metadata[precondition];
        if (wanted !== undefined && wanted !== found.metadata[precondition]) return refuse(response, 409, "Conflict");
      }
      const [part, rest] = pathname === path ? [given, {}] : [found, { status: given["status"] }];
      return sendJson(response, keep(path, { ...found, ...part, ...rest, metadata: found.metadata }));
    }
    refuse(response, 405, "MethodNotAllowed");
  }

  const server = createServer((request, response) => void answer(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const work = await mkdtemp(join(tmpdir(), "stowage-kube-api-"));
  const kubeconfig = join(work, "kubeconfig");
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf((server.address() as AddressInfo).port)));
  const pathOf = (plural: string, apiVersion: string, name: string): string =>
    `/${apiVersion.includes("/") ? "apis" : "api"}/${apiVersion}/namespaces/${NAMESPACE}/${plural}/${name}`;
  return {
    kubeconfig,
    requests,
    objects,
    put(plural, object) {
      const { name } = object.metadata as { readonly name: string };
      const path = pathOf(plural, object.apiVersion, name);
      return keep(path, { ...objects.get(path), ...object } as KubeObject);
    },
    remove(plural, name) {
      for (const path of objects.keys()) if (path.endsWith(`/${plural}/${name}`)) objects.delete(path);
    },
    before: (method, happen) => void hooks.push({ method, happen }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await rm(work, { recursive: true, force: true });
    },
  };
}

const PLURAL = /\/namespaces\/[^/]+\/[^/]+$/;

/** Answer as the API server refuses: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export function refuse(response: ServerResponse, code: number, reason: string): void {
  response.statusCode = code;
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message: reason, reason, code };
  sendJson(response, status);
}

const kubeconfigOf = (port: number): object => ({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "test",
  contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: NAMESPACE } }],
  clusters: [{ name: "test", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
  users: [{ name: "test", user: {} }],
});
