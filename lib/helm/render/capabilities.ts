import { Struct, TypedSlice, templateFunction, type Value } from "../../template/index.ts";

/** The Kubernetes version that helm 4.1.4 renders for when none is given. */
const DEFAULT_KUBE_VERSION = "v1.35.0";

/** The API versions helm 4.1.4 knows without a cluster, in its order. */
const API_VERSIONS: readonly string[] = `
v1
admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1alpha1 admissionregistration.k8s.io/v1beta1
internal.apiserver.k8s.io/v1alpha1
apps/v1 apps/v1beta1 apps/v1beta2
authentication.k8s.io/v1 authentication.k8s.io/v1alpha1 authentication.k8s.io/v1beta1
authorization.k8s.io/v1 authorization.k8s.io/v1beta1
autoscaling/v1 autoscaling/v2 autoscaling/v2beta1 autoscaling/v2beta2
batch/v1 batch/v1beta1
certificates.k8s.io/v1 certificates.k8s.io/v1beta1 certificates.k8s.io/v1alpha1
coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 coordination.k8s.io/v1
discovery.k8s.io/v1 discovery.k8s.io/v1beta1
events.k8s.io/v1 events.k8s.io/v1beta1
extensions/v1beta1
flowcontrol.apiserver.k8s.io/v1 flowcontrol.apiserver.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta2
flowcontrol.apiserver.k8s.io/v1beta3
networking.k8s.io/v1 networking.k8s.io/v1beta1
node.k8s.io/v1 node.k8s.io/v1alpha1 node.k8s.io/v1beta1
policy/v1 policy/v1beta1
rbac.authorization.k8s.io/v1 rbac.authorization.k8s.io/v1beta1 rbac.authorization.k8s.io/v1alpha1
resource.k8s.io/v1 resource.k8s.io/v1beta2 resource.k8s.io/v1beta1 resource.k8s.io/v1alpha3
scheduling.k8s.io/v1alpha1 scheduling.k8s.io/v1beta1 scheduling.k8s.io/v1
storage.k8s.io/v1beta1 storage.k8s.io/v1 storage.k8s.io/v1alpha1
storagemigration.k8s.io/v1beta1
apiextensions.k8s.io/v1beta1 apiextensions.k8s.io/v1`
  .trim()
  .split(/\s+/);

/** What `.Capabilities.HelmVersion` of the pinned helm says. */
const HELM_VERSION = {
  Version: "v4.1.4",
  GitCommit: "05fa37973dc9e42b76e1d2883494c87174b6074f",
  GitTreeState: "clean",
  GoVersion: "go1.25.9",
  KubeClientVersion: "v1.35",
} as const;

export interface KubeVersion {
  /** As it was given, with a `v`: `v1.33.4-gke.1245000`. */
  readonly version: string;
  /** Without what follows the numbers: `v1.33.4`. Constraints are checked against it. */
  readonly normalized: string;
  readonly major: string;
  readonly minor: string;
}

/** @returns undefined where the text is no version: at least two numbers are needed (k8s.io/apimachinery ParseGeneric) */
export function parseKubeVersion(text: string = DEFAULT_KUBE_VERSION): KubeVersion | undefined {
  const numbers = /^\s*v?([0-9]+(?:\.[0-9]+)+)/.exec(text)?.[1]?.split(".");
  if (numbers === undefined || /^0./.test(numbers[0]!)) return undefined;
  const [major, minor] = numbers.map((number) => String(Number(number)));
  return {
    version: text.startsWith("v") ? text : `v${text}`,
    normalized: `v${numbers.map(Number).join(".")}`,
    major: major!,
    minor: minor!,
  };
}

/** `.Capabilities` as helm 4.1.4 builds it without a cluster. @param apiVersions what is there besides the built-in ones */
export function capabilitiesObject(kube: KubeVersion, apiVersions: readonly string[]): Struct {
  const versions = [...API_VERSIONS, ...apiVersions];
  const known = new Set(versions);
  const kubeVersion = new Struct("common.KubeVersion", {
    fields: new Map([
      ["Version", kube.version],
      ["Major", kube.major],
      ["Minor", kube.minor],
    ]),
    methods: new Map([
      ["GitVersion", templateFunction([], () => kube.version)],
      ["String", templateFunction([], () => kube.normalized)],
    ]),
    text: kube.normalized,
  });
  const helmVersion = new Struct("version.BuildInfo", {
    fields: new Map(Object.entries(HELM_VERSION)),
    json: new Map<string, Value>([
      ["version", HELM_VERSION.Version],
      ["git_commit", HELM_VERSION.GitCommit],
      ["git_tree_state", HELM_VERSION.GitTreeState],
      ["go_version", HELM_VERSION.GoVersion],
      ["kube_client_version", HELM_VERSION.KubeClientVersion],
    ]),
  });
  const has = templateFunction(["string"], (_context, version) => known.has(version));
  return new Struct("*common.Capabilities", {
    fields: new Map<string, Value>([
      ["KubeVersion", kubeVersion],
      ["APIVersions", new TypedSlice("common.VersionSet", versions, new Map([["Has", has]]))],
      ["HelmVersion", helmVersion],
    ]),
  });
}
