import { execFile } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, get, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { type Kube, openKube } from "../../lib/kube/index.ts";
import { makeCertificate } from "./certificate.ts";
import { freePort } from "./free-port.ts";
import { findKubePrograms } from "./kube-programs.ts";
import { startProgram } from "./program.ts";

/** A cluster's control plane without controllers: nothing runs, nothing is cleaned up, but every request is judged. */
export interface KubeApiServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Of the API server's certificate, in PEM. */
  readonly ca: string;
  /** File; the account may do everything. */
  readonly kubeconfig: string;
  /** The same account. */
  readonly kube: Kube;
  /** kubectl as the same account, or as another one with `--as`. @returns standard output */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /**
   * Ask something that the API has an object for, such as a SubjectAccessReview: it is answered and not kept.
   *
   * @param as the user who asks; default: the same account
   * @returns its `status`
   */
  review(path: string, object: unknown, as?: string): Promise<unknown>;
  /** Make kinds known, and wait until the API has them. @param definitions CustomResourceDefinitions in YAML */
  define(definitions: string): Promise<void>;
  /** A pod's own files for a service account, with a real token: what lies at `/` in a pod, and its environment. */
  podOf(namespace: string, account: string): Promise<Pod>;
}

export interface Pod {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Start etcd and kube-apiserver with RBAC on free loopback ports. They end and remove themselves on disposal. */
export async function startKubeApiServer(): Promise<KubeApiServer> {
  const programs = findKubePrograms();
  if (programs === undefined) throw new Error("Cannot start kube-apiserver: run `npm run test:kube`, which gets it");
  await using stack = new AsyncDisposableStack();
  const work = await mkdtemp(join(tmpdir(), "stowage-kube-"));
  stack.defer(() => rm(work, { recursive: true, force: true, maxRetries: 10 }));
  const etcd = await startEtcd(join(programs, "etcd"), work, stack);
  const served = await startApiServer(join(programs, "kube-apiserver"), etcd, work, stack);
  const { host, ca } = served;
  const [address, port] = host.split(":") as [string, string];
  const kubeconfig = join(work, "kubeconfig");
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(served)), { mode: 0o600 });
  const agent = stack.adopt(new Agent({ keepAlive: true, maxSockets: 8 }), (open) => open.destroy());
  const kubectl: KubeApiServer["kubectl"] = async (args, input) => {
    const env = { HOME: work, KUBECONFIG: kubeconfig };
    const running = promisify(execFile)(join(programs, "kubectl"), args, { env, maxBuffer: 64 * 1024 ** 2 });
    running.child.stdin?.end(input);
    return (await running).stdout;
  };
  const kube = await openKube({ kubeconfig });
  const open = stack.move();
  return {
    host,
    ca,
    kubeconfig,
    kube,
    kubectl,
    review: (path, object, as) => review(served, agent, path, object, as),
    async define(definitions) {
      await kubectl(["apply", "--server-side", "--filename=-"], definitions);
      await kubectl(["wait", "--for=condition=Established", "--timeout=60s", "--filename=-"], definitions);
    },
    async podOf(namespace, account) {
      const root = join(work, "pods", randomUUID());
      const directory = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
      await mkdir(directory, { recursive: true });
      const token = await kubectl(["create", "token", account, `--namespace=${namespace}`]);
      await writeFile(join(directory, "token"), token.trim(), { mode: 0o600 });
      await writeFile(join(directory, "ca.crt"), ca);
      await writeFile(join(directory, "namespace"), namespace);
      return { root, env: { KUBERNETES_SERVICE_HOST: address, KUBERNETES_SERVICE_PORT: port } };
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** @returns the address for clients */
async function startEtcd(file: string, work: string, stack: AsyncDisposableStack): Promise<string> {
  const any = "http://127.0.0.1:0";
  const etcd = startProgram(file, [
    ...["--data-dir", join(work, "etcd"), "--unsafe-no-fsync"],
    ...["--listen-client-urls", any, "--advertise-client-urls", any],
    ...["--listen-peer-urls", any, "--initial-advertise-peer-urls", any, "--initial-cluster", `default=${any}`],
  ]);
  stack.use(etcd);
  return etcd.told((line) => /serving client traffic insecurely.*"address":"(127\.0\.0\.1:\d+)"/.exec(line)?.[1]);
}

interface Served {
  readonly host: string;
  readonly ca: string;
  /** Of an account that may do everything. */
  readonly token: string;
}

async function startApiServer(file: string, etcd: string, work: string, stack: AsyncDisposableStack): Promise<Served> {
  const { key, cert } = await makeCertificate();
  const token = randomUUID();
  const files = {
    "tls.key": key,
    "tls.crt": cert,
    "accounts.key": signingKey(),
    tokens: `${token},admin,admin,"system:masters"`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(work, name), text, { mode: 0o600 });
  const path = (name: keyof typeof files): string => join(work, name);
  const port = await freePort();
  const server = startProgram(file, [
    `--etcd-servers=http://${etcd}`,
    ...["--bind-address=127.0.0.1", `--secure-port=${port}`, "--advertise-address=127.0.0.1"],
    ...[`--tls-cert-file=${path("tls.crt")}`, `--tls-private-key-file=${path("tls.key")}`, `--cert-dir=${work}`],
    ...["--authorization-mode=Node,RBAC", `--token-auth-file=${path("tokens")}`],
    `--service-account-signing-key-file=${path("accounts.key")}`,
    `--service-account-key-file=${path("accounts.key")}`,
    ...["--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.0.0.0/24"],
    // there is no address under which others could reach it
    "--endpoint-reconciler-type=none",
  ]);
  stack.use(server);
  const host = `127.0.0.1:${port}`;
  // its own roles and namespaces included
  await server.until(() => isReady(host, cert));
  return { host, ca: cert, token };
}

async function review(
  { host, ca, token }: Served,
  agent: Agent,
  path: string,
  object: unknown,
  as?: string,
): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    ...(as && { "impersonate-user": as }),
  };
  const outgoing = request(new URL(path, `https://${host}`), { method: "POST", headers, ca, agent });
  outgoing.end(JSON.stringify(object));
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  const answer = await text(incoming);
  if (incoming.statusCode !== 201) throw new Error(`The API server answered ${incoming.statusCode}: ${answer}`);
  return (JSON.parse(answer) as { readonly status: unknown }).status;
}

const signingKey = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "sec1", format: "pem" }).toString();

const kubeconfigOf = ({ host, ca, token }: Served): unknown => ({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "test",
  contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
  clusters: [
    {
      name: "test",
      cluster: { server: `https://${host}`, "certificate-authority-data": Buffer.from(ca).toString("base64") },
    },
  ],
  users: [{ name: "test", user: { token } }],
});

const isReady = (host: string, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    get(`https://${host}/readyz`, { ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on("error", () => resolve(false));
  });
