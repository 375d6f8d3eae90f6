import type { Value } from "../../template/index.ts";
import { readYaml, splitManifests } from "../../yaml/index.ts";
import { type ChartFile, textOf } from "./chart-source.ts";
import { isTable } from "./coalesce.ts";
import { Refusal } from "./refusal.ts";
import { scalarText } from "./scalar-text.ts";

/** A YAML document that a template put out. */
export interface ManifestDocument {
  /** The template, as helm names it: `web/charts/db/templates/pod.yaml`. */
  readonly path: string;
  readonly text: string;
  /** The text as YAML; undefined for what lies in crds/, which nobody reads while rendering. */
  readonly value: Value;
}

/** What is kept of a document. */
export interface Manifest<Seen> {
  /** What was seen in it. */
  readonly seen: Seen;
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

/** What one template put out. Its text is read at once, and let go. */
export class TemplateOutput<Seen> {
  readonly name: string;
  /** Characters. */
  readonly size: number;
  readonly #manifests: readonly Manifest<Seen>[];
  readonly #refusal: Refusal | undefined;

  constructor(name: string, text: string, reader: ManifestReader<Seen>) {
    this.name = name;
    this.size = text.length;
    try {
      this.#manifests = reader.manifestsOf(name, text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#manifests = [];
      this.#refusal = error;
    }
  }

  /** The documents in it. @throws Refusal: helm reads them when all templates were executed */
  get manifests(): readonly Manifest<Seen>[] {
    if (this.#refusal !== undefined) throw this.#refusal;
    return this.#manifests;
  }
}

/** Characters of outputs whose manifests are kept for one chart. */
const MAX_KEPT = 32 * 1024 * 1024;

/** Reads what templates put out, and what lies in crds/. */
export class ManifestReader<Seen> {
  readonly #look: (document: ManifestDocument) => Seen;
  readonly #known = new Map<string, Map<string | ChartFile, readonly Manifest<Seen>[]>>();
  #left: number;

  /**
   * @param look gives what is kept of a document
   * @param repeats whether most will be read again, since a chart is rendered many times: what was seen is kept then, as far as there
   *   is room
   */
  constructor(look: (document: ManifestDocument) => Seen, repeats: boolean) {
    this.#look = look;
    this.#left = repeats ? MAX_KEPT : 0;
  }

  /**
   * What is in the documents of a template's output, without those whose hook has an event helm does not know, such as
   * `crd-install` (helm v4.1.4 pkg/release/v1/util/manifest_sorter.go). NOTES.txt is no manifest.
   *
   * @throws Refusal
   */
  manifestsOf(path: string, output: string): readonly Manifest<Seen>[] {
    if (path.endsWith("NOTES.txt")) return [];
    return this.#kept(path, output, output.length, () =>
      splitManifests(output).flatMap((text) => this.#manifest({ path, text, value: parse(text) })),
    );
  }

  /** What lies in crds/ is no template; it is printed as it is. */
  crd(path: string, file: ChartFile): readonly Manifest<Seen>[] {
    return this.#kept(path, file, file.bytes.length, () => {
      const seen = this.#look({ path, text: textOf(file.bytes), value: undefined });
      return [{ seen, kind: "CustomResourceDefinition" }];
    });
  }

  #manifest(document: ManifestDocument): readonly Manifest<Seen>[] {
    const { kind, annotations } = headOf(document.value);
    const hooks = annotations.get("helm.sh/hook");
    if (hooks === undefined) return [{ seen: this.#look(document), kind }];
    const known = hooks.split(",").map((hook) => events.get(hook.trim().toLowerCase()));
    if (known.includes(undefined)) return [];
    const weight = annotations.get("helm.sh/hook-weight") ?? "";
    const hook = { events: known as string[], weight: /^[+-]?[0-9]+$/.test(weight) ? Number(weight) : 0 };
    return [{ seen: this.#look(document), kind, hook }];
  }

  #kept(
    path: string,
    content: string | ChartFile,
    size: number,
    read: () => readonly Manifest<Seen>[],
  ): readonly Manifest<Seen>[] {
    const ofPath = this.#known.get(path) ?? new Map<string | ChartFile, readonly Manifest<Seen>[]>();
    const known = ofPath.get(content);
    if (known !== undefined) return known;
    const manifests = read();
    this.#left -= size;
    if (this.#left > 0) this.#known.set(path, ofPath.set(content, manifests));
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
export function inInstallOrder<Seen>(manifests: readonly Manifest<Seen>[]): readonly Manifest<Seen>[] {
  return manifests.toSorted(({ kind: a }, { kind: b }) => {
    const [first, second] = [installOrder.get(a), installOrder.get(b)];
    if (first !== undefined && second !== undefined) return first - second;
    if (first === undefined && second === undefined) return a < b ? -1 : a > b ? 1 : 0;
    return first === undefined ? 1 : -1;
  });
}
