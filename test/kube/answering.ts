import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "../real/certificate.ts";

export interface Answering extends AsyncDisposable {
  /** For {@linkcode openKube}: a pod's account whose API server is this one. */
  readonly pod: { readonly root: string; readonly env: Readonly<Record<string, string>> };
  readonly host: string;
  /** In PEM. */
  readonly ca: string;
  /** Where the pod's files lie. */
  readonly directory: string;
  /** `GET /api/…`, in order. */
  readonly requests: readonly string[];
  /** The last one. */
  readonly last: IncomingMessage;
}

const usual = makeCertificate();

/** What stands in for an API server, to give the answers that a real one cannot be brought to give. */
export async function startAnswering(answer: RequestListener, certificate = usual): Promise<Answering> {
  const { key, cert } = await certificate;
  const requests: string[] = [];
  let last: IncomingMessage | undefined;
  const server = createServer({ key, cert }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    last = request;
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const root = await mkdtemp(join(tmpdir(), "stowage-pod-"));
  const directory = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries({ token: "secret-token\n", "ca.crt": cert, namespace: "apps" })) {
    await writeFile(join(directory, name), text);
  }
  return {
    pod: { root, env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: `${port}` } },
    host: `127.0.0.1:${port}`,
    ca: cert,
    directory,
    requests,
    get last() {
      return last!;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await rm(root, { recursive: true, force: true });
    },
  };
}
