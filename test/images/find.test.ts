import assert from "node:assert/strict";
import { test } from "node:test";
import { findImages, formatList, formatTable, uniteFindings } from "../../lib/images/index.ts";

const find = (text: string) =>
  findImages([{ chart: "web", version: "1.2.3", subchart: "metrics", template: "templates/a.yaml", text }]);
const imagesIn = (text: string) => find(text).images.map(({ image }) => image);

/** A workload of a kind with one container. */
const workload = (kind: string, path: readonly string[]): string =>
  JSON.stringify(
    path.reduceRight<object>((inner, key) => ({ [key]: inner }), {
      containers: [{ name: "c", image: `r.example/${kind.toLowerCase()}:1` }],
    }),
  );

const template = ["spec", "template", "spec"];
for (const [kind, path] of [
  ["Pod", ["spec"]],
  ["PodTemplate", ["template", "spec"]],
  ["ReplicationController", template],
  ["ReplicaSet", template],
  ["Deployment", template],
  ["StatefulSet", template],
  ["DaemonSet", template],
  ["Job", template],
  ["CronJob", ["spec", "jobTemplate", "spec", "template", "spec"]],
] as const) {
  test(`the image of a ${kind} is found`, () => {
    const object = { apiVersion: "v1", kind, metadata: { name: "x" }, ...JSON.parse(workload(kind, path)) };
    const { images, unresolved } = find(JSON.stringify(object));
    assert.deepEqual(unresolved, []);
    assert.equal(images[0]?.image, `r.example/${kind.toLowerCase()}:1`);
    assert.equal(images[0]?.reasons[0]?.path, `${path.join(".")}.containers[0].image`);
    assert.equal(images[0]?.reasons[0]?.object, `${kind}/x`);
  });
}

test("init and ephemeral containers and image volumes count", () => {
  const text = `
kind: Pod
metadata: { generateName: p- }
spec:
  initContainers: [{ image: a/init:1 }]
  containers: [{ image: a/main:1 }, { name: completed-elsewhere }]
  ephemeralContainers: [{ image: a/debug:1 }]
  volumes: [{ image: { reference: "quay.io/a/data:1" } }, { emptyDir: {} }]`;
  const { images } = find(text);
  assert.deepEqual(
    images.map(({ image, reasons }) => [image, reasons[0]?.rule, reasons[0]?.path]),
    [
      ["docker.io/a/debug:1", "pod-spec", "spec.ephemeralContainers[0].image"],
      ["docker.io/a/init:1", "pod-spec", "spec.initContainers[0].image"],
      ["docker.io/a/main:1", "pod-spec", "spec.containers[0].image"],
      ["quay.io/a/data:1", "image-volume", "spec.volumes[0].image.reference"],
    ],
  );
});

test("objects inside List kinds count, at any depth", () => {
  const pod = `{ kind: Pod, spec: { containers: [{ image: a/b:1 }] } }`;
  assert.deepEqual(imagesIn(`{ kind: List, items: [{ kind: PodList, items: [${pod}] }] }`), ["docker.io/a/b:1"]);
});

test("quoted keys, flow style, anchors, folded text and comments are read as YAML, not as text", () => {
  const text = `
"kind": Pod
"spec": &spec
  containers: [{ "image": &image 'a/quoted:1' }, # a/comment:1
    { name: again, image: *image }]
  initContainers:
    - image: >-
        a/folded:1
---
kind: ConfigMap
data: { text: "image: a/not-an-image:1" }
---
# image: a/comment:2
`;
  assert.deepEqual(imagesIn(text), ["docker.io/a/folded:1", "docker.io/a/quoted:1"]);
});

test("a finding says why: chart, subchart, template, object, path, rule, spelling", () => {
  assert.deepEqual(
    find("{ kind: Pod, metadata: { name: p }, spec: { containers: [{ image: 'nginx:1.16.0' }] } }").images,
    [
      {
        image: "docker.io/library/nginx:1.16.0",
        status: "required",
        reasons: [
          {
            chart: "web",
            version: "1.2.3",
            subchart: "metrics",
            template: "templates/a.yaml",
            object: "Pod/p",
            path: "spec.containers[0].image",
            rule: "pod-spec",
            raw: "nginx:1.16.0",
            switches: [],
            condition: null,
          },
        ],
      },
    ],
  );
});

test("an image without tag is listed as what Kubernetes pulls: latest", () => {
  assert.deepEqual(imagesIn("{ kind: Pod, spec: { containers: [{ image: nginx }] } }"), [
    "docker.io/library/nginx:latest",
  ]);
});

for (const [what, image] of [
  ["a number", "1.5"],
  ["a map", "{ repository: a }"],
  ["what Go prints for a map", '"map[repository:a]"'],
  ["what Go prints for nothing", '"%!s(<nil>)"'],
  ["only a tag", '":latest"'],
] as const) {
  test(`an image that is ${what} is reported, not listed, and the others stay`, () => {
    const { images, unresolved } = find(
      `{ kind: Pod, spec: { containers: [{ image: ${image} }, { image: "a/b:1" }] } }`,
    );
    assert.deepEqual(
      images.map((each) => each.image),
      ["docker.io/a/b:1"],
    );
    assert.equal(unresolved.length, 1);
    assert.equal(unresolved[0]?.chart, "web-1.2.3");
    assert.match(unresolved[0]!.reason, /^templates\/a\.yaml: Pod\/\? spec\.containers\[0\]\.image: /);
  });
}

test("text that is no YAML is reported", () => {
  const { images, unresolved } = find("kind: [\n");
  assert.deepEqual(images, []);
  assert.match(unresolved[0]!.reason, /Cannot read manifests/);
});

test("an alias bomb is reported, in bounded time", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 12; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  assert.match(find(lines.join("\n")).unresolved[0]!.reason, /alias/);
});

test("empty text has no images and no problem", () => {
  assert.deepEqual(find(""), { images: [], unresolved: [] });
  assert.deepEqual(find("---\n# nothing\n---\nnull\n"), { images: [], unresolved: [] });
});

test("findings unite: one entry an image, each reason once, the strongest status", () => {
  const one = find("{ kind: Pod, spec: { containers: [{ image: a/b:1 }] } }");
  const weaker = { ...one, images: one.images.map((each) => ({ ...each, status: "possible" as const, reasons: [] })) };
  assert.deepEqual(uniteFindings([weaker, one, one]), one);
});

test("formatList() is sorted, unique, ends with a newline, and can leave the registry out", () => {
  const findings = find(
    "{ kind: Pod, spec: { containers: [{ image: b.example/release/app:1 }, { image: a.example/release/app:1 }] } }",
  );
  assert.equal(formatList(findings), "a.example/release/app:1\nb.example/release/app:1\n");
  assert.equal(formatList(findings, { stripRegistry: true }), "release/app:1\n");
  assert.equal(formatList({ images: [], unresolved: [] }), "");
});

test("formatTable() names the first place that needs an image", () => {
  const findings = find(
    "{ kind: Pod, metadata: { name: p }, spec: { containers: [{ image: a/b:1 }, { image: a/b:1 }] } }",
  );
  assert.equal(
    formatTable(findings),
    "IMAGE            STATUS    NEEDED BY\ndocker.io/a/b:1  required  web Pod/p spec.containers[0].image (+1)\n",
  );
});
