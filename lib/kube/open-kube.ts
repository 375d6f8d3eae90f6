import { RejectedError } from "../errors.ts";
import { objectOf, pageOf } from "./answers.ts";
import type { Credentials } from "./credentials.ts";
import { type Answer, exchange, NoAnswer } from "./exchange.ts";
import { errorOfAnswer, errorOfSilence } from "./failure.ts";
import type { Kube, KubeObject } from "./kube.ts";
import { placeOf } from "./place.ts";
import { readServiceAccount } from "./service-account.ts";

export interface KubeSettings {
  /** Kubeconfig files, as the variable KUBECONFIG names them. Without any: the service account of this pod. */
  readonly kubeconfig?: string | undefined;
  /** What lies at `/` in a pod. Default: `/` */
  readonly root?: string | undefined;
  /** Where a pod finds the API server's address. Default: process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Of every write: in whose name, and that a field which the kind does not have is refused instead of dropped. */
const WRITTEN = { fieldManager: "stowage", fieldValidation: "Strict" };
/** Objects asked for at once. */
const PAGE = "100";

interface KubeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Such as `get jobs "a"`. */
  readonly action: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Of the body. Default: application/json */
  readonly mediaType?: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Open the API server of this cluster, or of the kubeconfig's current context. Nothing is asked of it yet. Credentials are
 * read again when the server does not know them any more.
 *
 * @throws RejectedError PORT_UNAVAILABLE when this is no pod and there is no kubeconfig; CREDENTIALS_INVALID
 */
export async function openKube(settings: KubeSettings): Promise<Kube> {
  let credentials = await readCredentials(settings);
  const { namespace = "default" } = credentials;

  async function send(request: KubeRequest): Promise<string> {
    let answer = await ask(credentials, request);
    if (answer.status === 401) {
      credentials = await readCredentials(settings);
      answer = await ask(credentials, request);
    }
    if (answer.status < 200 || answer.status > 299) {
      throw errorOfAnswer(request.action, answer, request.method === "POST");
    }
    return answer.text;
  }

  const one = async (request: KubeRequest): Promise<KubeObject> => objectOf(request.action, await send(request));

  return {
    namespace,

    async get(resource, name, { namespace: within = namespace, signal } = {}) {
      return one({ ...placeOf("get", resource, within, name), method: "GET", signal });
    },

    async *list(resource, { namespace: within = namespace, labels, fields, signal } = {}) {
      const place = placeOf("list", resource, within);
      let rest: string | undefined;
      do {
        const query = { limit: PAGE, labelSelector: labels, fieldSelector: fields, continue: rest };
        const page = pageOf(place.action, await send({ ...place, method: "GET", query, signal }), resource);
        yield* page.items;
        rest = page.rest;
      } while (rest !== undefined);
    },

    async create(resource, object, { signal } = {}) {
      const { name, namespace: within = namespace } = object.metadata;
      const { action } = placeOf("create", resource, within, name);
      const { path } = placeOf("create", resource, within);
      return one({ action, path, method: "POST", query: WRITTEN, body: object, signal });
    },

    async apply(resource, object, { force = false, subresource, signal } = {}) {
      const { name, namespace: within = namespace } = object.metadata;
      return one({
        ...placeOf("apply", resource, within, name, subresource),
        method: "PATCH",
        query: { ...WRITTEN, force: String(force) },
        // JSON is YAML
        mediaType: "application/apply-patch+yaml",
        body: object,
        signal,
      });
    },

    async patch(resource, name, changes, { namespace: within = namespace, subresource, signal } = {}) {
      return one({
        ...placeOf("patch", resource, within, name, subresource),
        method: "PATCH",
        query: WRITTEN,
        mediaType: "application/merge-patch+json",
        body: changes,
        signal,
      });
    },

    async delete(resource, name, { namespace: within = namespace, uid, signal } = {}) {
      const preconditions = uid === undefined ? undefined : { uid };
      await send({
        ...placeOf("delete", resource, within, name),
        method: "DELETE",
        body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background", preconditions },
        signal,
      });
    },
  };
}

async function readCredentials({ kubeconfig, root = "/", env = process.env }: KubeSettings): Promise<Credentials> {
  if (kubeconfig !== undefined) {
    const { readKubeconfig } = await import("./kubeconfig.ts");
    return readKubeconfig(kubeconfig);
  }
  if (env["KUBERNETES_SERVICE_HOST"]) return readServiceAccount(root, env);
  throw new RejectedError(
    "PORT_UNAVAILABLE",
    "Cannot reach a Kubernetes API server: this is no pod of a cluster, and KUBECONFIG is not set",
  );
}

/** One request, one answer, whatever its status. */
async function ask(credentials: Credentials, request: KubeRequest): Promise<Answer> {
  const { method, action, path, query = {}, body, mediaType = "application/json", signal } = request;
  const url = new URL(path, credentials.server);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const options = await credentials.authorize();
  const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = {
    ...options.headers,
    accept: "application/json",
    "user-agent": "stowage",
    ...(text && { "content-type": mediaType, "content-length": text.byteLength }),
  };
  try {
    return await exchange(url, { ...options, method, headers }, text, signal);
  } catch (error) {
    throw error instanceof NoAnswer ? errorOfSilence(action, error) : error;
  }
}
