import { type Kube, openKube } from "../../lib/kube/index.ts";
import type { KubeApiServer } from "../real/kube-apiserver.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The API server as a pod's service account sees it that has these rights in its namespace, and no other. */
export async function openAccount(
  cluster: KubeApiServer,
  namespace: string,
  name: string,
  rules: readonly Rule[],
): Promise<Kube> {
  const metadata = { name, namespace };
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
  const objects = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef,
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ];
  await cluster.kubectl(["create", "--filename=-"], objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  return openKube(await cluster.podOf(namespace, name));
}
