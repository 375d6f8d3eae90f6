import type { Value } from "../../template/index.ts";
import { readYaml, splitManifests } from "../../yaml/index.ts";
import { isTable } from "./coalesce.ts";
import { Refusal } from "./refusal.ts";
import { scalarText } from "./scalar-text.ts";

/** A YAML document that a template put out. */
export interface Manifest {
  /** The template, as helm names it: `web/charts/db/templates/pod.yaml`. */
  readonly path: string;
  readonly text: string;
  /** The text as YAML; undefined for what lies in crds/, which nobody reads while rendering. */
  readonly value: Value;
  /** Empty where the document has none, such as one of comments only. */
  readonly kind: string;
  /** Of a hook: when it runs, and its place among the others. */
  readonly hook?: { readonly events: readonly string[]; readonly weight: number };
}

/** Events of hooks; "test-success" is what helm 2 called "test". */
const events: ReadonlyMap<string, string> = new Map(
  [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
  ]
    .map((event) => [event, event] as const)
    .concat([["test-success", "test"]]),
);

/**
 * The documents of what one template put out, without those whose hook has an event helm does not know, such as
 * `crd-install` (helm v4.1.4 pkg/release/v1/util/manifest_sorter.go).
 *
 * @throws Refusal
 */
export function manifestsOf(path: string, output: string): readonly Manifest[] {
  return splitManifests(output).flatMap((text) => {
    const value = parse(text);
    const { kind, annotations } = headOf(value);
    const hooks = annotations.get("helm.sh/hook");
    if (hooks === undefined) return [{ path, text, value, kind }];
    const known = hooks.split(",").map((hook) => events.get(hook.trim().toLowerCase()));
    if (known.includes(undefined)) return [];
    const weight = annotations.get("helm.sh/hook-weight") ?? "";
    return [
      {
        path,
        text,
        value,
        kind,
        hook: { events: known as string[], weight: /^[+-]?[0-9]+$/.test(weight) ? Number(weight) : 0 },
      },
    ];
  });
}

/** What one template put out. */
export class TemplateOutput {
  readonly name: string;
  readonly text: string;
  #manifests: readonly Manifest[] | undefined;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
  }

  /** The documents in it; read once. @throws Refusal */
  manifests(known: KnownManifests): readonly Manifest[] {
    this.#manifests ??= known.of(this.name, this.text);
    return this.#manifests;
  }
}

/** What lies in the outputs of templates and in crds/, for renders of one chart that repeat most of it. */
export class KnownManifests {
  readonly #known = new Map<string, Map<string, readonly Manifest[]>>();
  #left = 32 * 1024 * 1024;

  /** The same as {@linkcode manifestsOf}, whose result is kept while there is room. @throws Refusal */
  of(path: string, output: string): readonly Manifest[] {
    return this.#kept(path, output, () => manifestsOf(path, output));
  }

  /** What lies in crds/ is no template; it is printed as it is. */
  crd(path: string, text: string): readonly Manifest[] {
    return this.#kept(path, text, () => [{ path, text, value: undefined, kind: "CustomResourceDefinition" }]);
  }

  #kept(path: string, text: string, read: () => readonly Manifest[]): readonly Manifest[] {
    const ofPath = this.#known.get(path) ?? new Map<string, readonly Manifest[]>();
    const known = ofPath.get(text);
    if (known !== undefined) return known;
    const manifests = read();
    this.#left -= text.length;
    if (this.#left > 0) this.#known.set(path, ofPath.set(text, manifests));
    return manifests;
  }
}

interface Head {
  readonly kind: string;
  readonly annotations: ReadonlyMap<string, string>;
}

const nothing: Head = { kind: "", annotations: new Map() };

function parse(text: string): Value {
  try {
    return readYaml(text);
  } catch (error) {
    throw new Refusal(`YAML parse error: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** What helm looks at: apiVersion, kind, name and annotations must be of the right type, all else may be anything. */
function headOf(value: Value): Head {
  if (value === null) return nothing;
  if (!isTable(value)) throw new Refusal("YAML parse error: it is not a mapping");
  scalar(value.get("apiVersion"), "apiVersion");
  const kind = scalar(value.get("kind"), "kind");
  const metadata = value.get("metadata") ?? null;
  if (metadata === null) return { kind, annotations: nothing.annotations };
  if (!isTable(metadata)) throw new Refusal("YAML parse error: metadata is not a mapping");
  scalar(metadata.get("name"), "metadata.name");
  const annotations = metadata.get("annotations") ?? null;
  if (annotations === null) return { kind, annotations: nothing.annotations };
  if (!isTable(annotations)) throw new Refusal("YAML parse error: metadata.annotations is not a mapping");
  return {
    kind,
    annotations: new Map(
      Array.from(annotations, ([name, note]) => [name, scalar(note, `metadata.annotations.${name}`)]),
    ),
  };
}

function scalar(value: Value, where: string): string {
  if (value === undefined || value === null) return "";
  const text = scalarText(value);
  if (text === undefined) throw new Refusal(`YAML parse error: ${where} is not a text`);
  return text;
}

/** The order in which helm installs kinds (helm v4.1.4 pkg/release/v1/util/kind_sorter.go). */
const installOrder: ReadonlyMap<string, number> = new Map(
  `PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget ServiceAccount
Secret SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole
ClusterRoleList ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service DaemonSet Pod
ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob IngressClass Ingress APIService
MutatingWebhookConfiguration ValidatingWebhookConfiguration`
    .split(/\s+/)
    .map((kind, place) => [kind, place]),
);

/** Sort by kind as helm prints them: known kinds in the order of installing, then the others by name. Stable. */
export function inInstallOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.toSorted(({ kind: a }, { kind: b }) => {
    const [first, second] = [installOrder.get(a), installOrder.get(b)];
    if (first !== undefined && second !== undefined) return first - second;
    if (first === undefined && second === undefined) return a < b ? -1 : a > b ? 1 : 0;
    return first === undefined ? 1 : -1;
  });
}
