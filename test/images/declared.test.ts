import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeclaredChart, findDeclared, findImages } from "../../lib/images/index.ts";

const chart: DeclaredChart = {
  chart: "web",
  version: "1.2.3",
  subchart: "",
  chartYaml: "name: web\nversion: 1.2.3\nappVersion: 2.10\n",
};
const nothing = { images: [], unresolved: [] };
const rendered = (...images: readonly string[]) =>
  findImages([
    {
      chart: "web",
      version: "1.2.3",
      subchart: "",
      template: "a",
      text: JSON.stringify({ kind: "Pod", spec: { containers: images.map((image) => ({ image })) } }),
    },
  ]);

/** `image: spelling`, of values.yaml. */
const inValues = (valuesYaml: string, shown = nothing as ReturnType<typeof rendered>): readonly string[] =>
  findDeclared([{ ...chart, valuesYaml }], shown).images.map(({ image, reasons }) => `${image} <- ${reasons[0]?.raw}`);

test("values name images with appVersion as the tag that is left empty, printed as helm prints numbers", () => {
  assert.deepEqual(
    inValues(
      "a: { image: { repository: acme/a, tag: '' } }\nb: { image: { repository: acme/b, pullPolicy: Always } }\n",
    ),
    ["docker.io/acme/a:2.1 <- acme/a:2.1", "docker.io/acme/b:2.1 <- acme/b:2.1"],
  );
});

test("a tag that is a number is what helm prints of it, beside how the file spells it", () => {
  assert.deepEqual(
    inValues("image: { repository: acme/a, tag: 1.10 }\nold: { image: { repository: acme/b, tag: 20210101 } }\n"),
    ["docker.io/acme/a:1.1 <- acme/a:1.10"],
  );
  assert.deepEqual(
    inValues("image: { repository: acme/a, tag: 2021-01-01 }\nb: { image: { repository: acme/b, tag: 1:20 } }"),
    ["docker.io/acme/a:2021-01-01 <- acme/a:2021-01-01"],
  );
});

test("every form of image maps and fields counts", () => {
  assert.deepEqual(
    inValues(`
image: { registry: quay.io, repository: acme/a, tag: v1 }
sidecar: { image: acme/side, imageTag: v2 }
list: [{ image: "acme/l:3" }]
initImage: acme/init:4
exporter: { repository: prom/exporter, tag: 9, pullPolicy: Always }
other: { repository: "https://charts.example.com", version: 1.0.0 }
hubbed: { image: pilot, tag: "" }
`),
    [
      "docker.io/acme/init:4 <- acme/init:4",
      "docker.io/acme/l:3 <- acme/l:3",
      "docker.io/acme/side:v2 <- acme/side:v2",
      "docker.io/prom/exporter:9 <- prom/exporter:9",
      "quay.io/acme/a:v1 <- quay.io/acme/a:v1",
    ],
  );
});

test("a subchart's empty tag is its own appVersion, and the reason names the subchart", () => {
  const sub: DeclaredChart = {
    ...chart,
    subchart: "db",
    chartYaml: "appVersion: v9",
    valuesYaml: "image: { repository: acme/db, tag: }",
  };
  assert.deepEqual(findDeclared([chart, sub], nothing).images, [
    {
      image: "docker.io/acme/db:v9",
      status: "suspected",
      reasons: [
        {
          chart: "web",
          version: "1.2.3",
          subchart: "db",
          template: "values.yaml",
          object: "",
          path: "image.repository",
          rule: "values",
          raw: "acme/db:v9",
          switches: [],
          condition: null,
        },
      ],
    },
  ]);
});

test("what a render shows is not suspected: the same image, under another registry, or with a computed tag", () => {
  const values = "image: { repository: acme/a, tag: '' }\nb: { image: { repository: acme/b, tag: v1 } }\n";
  assert.deepEqual(inValues(values, rendered("acme/a:2.1", "r.example/acme/b:v1")), []);
  assert.deepEqual(inValues(values, rendered("acme/a:v2.1-debian", "acme/b:v2")), ["docker.io/acme/b:v1 <- acme/b:v1"]);
});

test("annotations of Chart.yaml and Images.lock are read, with conditions", () => {
  const { images, unresolved } = findDeclared(
    [
      {
        ...chart,
        chartYaml: `
annotations:
  artifacthub.io/images: |
    - { name: a, image: acme/a:1 }
  images: |
    - { name: b, image: "quay.io/acme/b:2" }
  helm.sh/images: |
    - { image: acme/c:3, condition: c.enabled }
    - acme/d:4
    - { image: "acme/e:" }
  other: "- image: acme/x:1"
`,
        imagesLock: `{ apiVersion: v0, kind: ImagesLock, images: [{ name: f, image: "acme/f:5", digests: [] }, { image: "acme/a:1" }] }`,
      },
    ],
    nothing,
  );
  assert.deepEqual(
    images.map(({ image, status, reasons }) => [
      image,
      status,
      ...reasons.map(({ path, condition }) => `${path} ${condition}`),
    ]),
    [
      ["docker.io/acme/a:1", "suspected", `annotations["artifacthub.io/images"][0].image null`, "images[1].image null"],
      ["docker.io/acme/c:3", "suspected", `annotations["helm.sh/images"][0].image c.enabled`],
      ["docker.io/acme/d:4", "suspected", `annotations["helm.sh/images"][1] null`],
      ["docker.io/acme/f:5", "suspected", "images[0].image null"],
      ["quay.io/acme/b:2", "suspected", `annotations["images"][0].image null`],
    ],
  );
  assert.match(unresolved[0]!.reason, /^Chart\.yaml: annotations\["helm\.sh\/images"\]\[2\]\.image: .*tag is empty/);
});

test("files that are no YAML are reported, and the others are read", () => {
  const { images, unresolved } = findDeclared(
    [{ ...chart, chartYaml: "{", valuesYaml: "image: acme/a:1", imagesLock: "images: 5" }],
    nothing,
  );
  assert.deepEqual([images.length, unresolved.length], [1, 1]);
  assert.match(unresolved[0]!.reason, /^Chart\.yaml: Cannot read/);
});

test("what templates complete is not suspected besides: with a project, or with a tag that values leave out", () => {
  const shown = rendered("quay.io/acme/proxy:v1", "registry.example.com/server:7");
  assert.deepEqual(
    inValues("image: { name: proxy, tag: v1 }\nserver: { image: registry.example.com/server }", shown),
    [],
  );
  assert.deepEqual(inValues("image: { name: roxy, tag: v1 }\nserver: { image: registry.example.com/other }", shown), [
    "docker.io/library/roxy:v1 <- roxy:v1",
    "registry.example.com/other:latest <- registry.example.com/other",
  ]);
});
