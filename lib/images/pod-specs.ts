/** A JSON object whose fields nobody has checked yet. */
export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An image as an object spells it, with the path to it. */
export interface Mention {
  readonly path: string;
  readonly rule: "pod-spec" | "image-volume";
  readonly raw: unknown;
}

const template = ["spec", "template", "spec"];

/** Where each workload kind keeps its pod spec (Kubernetes API v1.35: core, apps, batch). */
const podSpecPaths: Readonly<Record<string, readonly string[]>> = {
  Pod: ["spec"],
  PodTemplate: ["template", "spec"],
  ReplicationController: template,
  ReplicaSet: template,
  Deployment: template,
  StatefulSet: template,
  DaemonSet: template,
  Job: template,
  CronJob: ["spec", "jobTemplate", "spec", "template", "spec"],
};

/** `List` and its like (`DeploymentList`) hold objects instead of being one. */
export function* objectsOf(document: unknown, depth = 0): Generator<Fields> {
  if (!isFields(document)) return;
  const items = document["items"];
  if (String(document["kind"] ?? "").endsWith("List") && Array.isArray(items) && depth < 10) {
    for (const item of items) yield* objectsOf(item, depth + 1);
  } else yield document;
}

/** Every image that a workload's pods run or mount. Other kinds have none. */
export function* mentionsOf(object: Fields): Generator<Mention> {
  const path = podSpecPaths[String(object["kind"] ?? "")];
  if (path === undefined) return;
  let spec: unknown = object;
  for (const step of path) spec = isFields(spec) ? spec[step] : undefined;
  if (isFields(spec)) yield* podMentions(spec, path.join("."));
}

function* podMentions(spec: Fields, at: string): Generator<Mention> {
  for (const list of ["initContainers", "containers", "ephemeralContainers"]) {
    for (const [i, container] of entriesOf(spec[list])) {
      // a container without image is legal where a pod template is completed by somebody else
      if (container["image"] === undefined || container["image"] === null || container["image"] === "") continue;
      yield { path: `${at}.${list}[${i}].image`, rule: "pod-spec", raw: container["image"] };
    }
  }
  for (const [i, volume] of entriesOf(spec["volumes"])) {
    const image = volume["image"];
    if (!isFields(image) || image["reference"] === undefined || image["reference"] === "") continue;
    yield { path: `${at}.volumes[${i}].image.reference`, rule: "image-volume", raw: image["reference"] };
  }
}

function entriesOf(list: unknown): readonly (readonly [number, Fields])[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item, i) => (isFields(item) ? [[i, item] as const] : []));
}
