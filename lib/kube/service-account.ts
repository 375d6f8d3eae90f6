import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { type Credentials, readSecrets, unusable } from "./credentials.ts";

const PLACE = "the service account of this pod";
const DIRECTORY = "var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The account that the cluster gave this pod: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
 *
 * Read here and not by client-node, which takes 0.1 seconds and 30 MiB to be loaded. The kubelet writes token and
 * certificates anew while the pod runs, so each request reads them.
 *
 * @param root what lies at `/` in a pod
 * @throws RejectedError CREDENTIALS_INVALID
 */
export async function readServiceAccount(root: string, env: NodeJS.ProcessEnv): Promise<Credentials> {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const server = URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port}/`);
  if (server === null) throw unusable(PLACE, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address");
  const read = async (name: string): Promise<string> =>
    (await readSecrets(PLACE, () => readFile(join(root, DIRECTORY, name), "utf8"))).trim();
  return {
    server,
    namespace: await read("namespace"),
    async authorize() {
      const [token, ca] = await Promise.all([read("token"), read("ca.crt")]);
      return { ca, agent: false, headers: { authorization: `Bearer ${token}` } };
    },
  };
}
