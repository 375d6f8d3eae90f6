import assert from "node:assert/strict";
import { test } from "node:test";
import { findImages, imageRules } from "../../lib/images/index.ts";

const find = (text: string) =>
  findImages([{ chart: "web", version: "1.2.3", subchart: "", template: "templates/a.yaml", text }]);

/** `image rule path`, with `?` behind what is only suspected. */
const shown = (text: string): readonly string[] =>
  find(text).images.flatMap(({ image, status, reasons }) =>
    reasons.map(({ rule, path }) => `${image}${status === "required" ? "" : "?"} ${rule} ${path}`),
  );

const HEX = "a".repeat(64);

/** Each shape that was seen in a real chart, in small: what it is, the manifest, what is found in it. One table of many. */
const found: readonly (readonly [string, string, readonly string[]])[] = [
  [
    "containers of a custom resource",
    "{ kind: RayCluster, spec: { groups: [{ template: { spec: { containers: [{ image: rayproject/ray }] } } }] } }",
    ["docker.io/rayproject/ray:latest pod-spec spec.groups[0].template.spec.containers[0].image"],
  ],
  [
    "the package of a Crossplane provider",
    "{ apiVersion: pkg.crossplane.io/v1, kind: Provider, spec: { package: xpkg.example.org/a/provider:v1 } }",
    ["xpkg.example.org/a/provider:v1 package spec.package"],
  ],
  [
    "an image field of a custom resource",
    "{ kind: Prometheus, spec: { image: quay.io/prometheus/prometheus:v3, initImage: acme/init:1 } }",
    ["docker.io/acme/init:1 image-field spec.initImage", "quay.io/prometheus/prometheus:v3 image-field spec.image"],
  ],
  [
    "an image field without tag: suspected when it has a host",
    "{ kind: CephCluster, spec: { image: quay.io/ceph/ceph } }",
    ["quay.io/ceph/ceph:latest? image-field spec.image"],
  ],
  [
    "an image field beside the version of the application",
    "{ kind: Kafka, spec: { version: 3.1, image: quay.io/strimzi/kafka } }",
    ["quay.io/strimzi/kafka:latest? image-field spec.image"],
  ],
  [
    "a container outside of a container list",
    "{ kind: WorkflowTemplate, spec: { templates: [{ container: { image: busybox, command: [sh] } }] } }",
    ["docker.io/library/busybox:latest image-field spec.templates[0].container.image"],
  ],
  [
    "a list and a map of images",
    "{ kind: Bundle, spec: { images: ['acme/a:1', 'acme/b:2'], sidecarImages: { proxy: 'acme/c:3' } } }",
    [
      "docker.io/acme/a:1 image-field spec.images[0]",
      "docker.io/acme/b:2 image-field spec.images[1]",
      "docker.io/acme/c:3 image-field spec.sidecarImages.proxy",
    ],
  ],
  [
    "registry, repository and tag",
    "{ kind: X, spec: { image: { registry: quay.io, repository: acme/a, tag: 1.10 } } }",
    ["quay.io/acme/a:1.1 split-reference spec.image.repository"],
  ],
  [
    "registry, repository, tag and digest",
    `{ kind: X, spec: { image: { registry: quay.io/, repository: acme/a, tag: v1, digest: "sha256:${HEX}" } } }`,
    [`quay.io/acme/a:v1@sha256:${HEX} split-reference spec.image.repository`],
  ],
  [
    "repository and sha without algorithm",
    `{ kind: X, spec: { image: { repository: quay.io/acme/a, sha: ${HEX} } } }`,
    [`quay.io/acme/a@sha256:${HEX} split-reference spec.image.repository`],
  ],
  [
    "registry, image and tag",
    "{ kind: X, spec: { controller: { registry: registry.k8s.io, image: ingress/controller, tag: v1 } } }",
    ["registry.k8s.io/ingress/controller:v1 split-reference spec.controller.image"],
  ],
  [
    "repository, image and tag",
    "{ kind: X, spec: { a: { repository: quay.io/acme, image: tool, tag: v1 } } }",
    ["quay.io/acme/tool:v1 split-reference spec.a.repository"],
  ],
  [
    "a repository with a host of its own beside a registry, or with a reference as image beside it",
    "{ kind: X, spec: { a: { registry: docker.io, repository: quay.io/acme/a, tag: v1 }, b: { repository: acme/b, tag: v1, image: 'acme/c:1' } } }",
    [
      "docker.io/acme/b:v1? split-reference spec.b.repository",
      "docker.io/acme/c:1 image-field spec.b.image",
      "quay.io/acme/a:v1 split-reference spec.a.repository",
    ],
  ],
  [
    "the tag that is not empty",
    "{ kind: X, spec: { image: { repository: acme/a, tag: '', imageTag: v1 } } }",
    ["docker.io/acme/a:v1 split-reference spec.image.repository"],
  ],
  [
    "repository and version below an image",
    "{ kind: X, spec: { image: { repository: acme/a, version: 2.0.1 } } }",
    ["docker.io/acme/a:2.0.1 split-reference spec.image.repository"],
  ],
  [
    "name and tag below an image, and Kustomize's newName and newTag",
    "{ images: [{ name: nginx, newName: acme/nginx, newTag: v2 }], image: { name: acme/b, tag: v1 } }",
    ["docker.io/acme/b:v1 split-reference image.name", "docker.io/acme/nginx:v2 split-reference images[0].newName"],
  ],
  [
    "image and tag beside each other, and named after the image",
    "{ kind: X, spec: { image: acme/a, tag: v1, sideImage: acme/c, sideImageTag: v2 } }",
    ["docker.io/acme/a:v1 split-reference spec.image", "docker.io/acme/c:v2 image-field spec.sideImage"],
  ],
  [
    "base image and version of an operator's resource",
    "{ kind: Prometheus, spec: { baseImage: quay.io/prometheus/prometheus, version: v2.1 } }",
    ["quay.io/prometheus/prometheus:v2.1 split-reference spec.baseImage"],
  ],
  [
    "hub, tag and names of an Istio mesh",
    `{ kind: ConfigMap, data: { values: '{"global": {"hub": "docker.io/istio", "tag": "1.2", "proxy": {"image": "proxyv2"}}}' } }`,
    ["docker.io/istio/proxyv2:1.2 hub-and-tag data.values.global.proxy.image"],
  ],
  [
    "arguments: behind = , as next argument, in two flags, in a list, in a shell script, and in full behind any flag",
    `{ kind: Pod, spec: { containers: [{ args: [
      --acme-http01-solver-image=quay.io/jetstack/solver:v1, --executor-image, "acme/executor:v2",
      --grafana-image=acme/grafana, --grafana-image-tag=5.0, "--images=acme/x:1,acme/y:2",
      "--prometheus-config-reloader=quay.io/po/reloader:v0.9@sha256:${HEX}"],
      command: [sh, -c, "run --debug-image 'acme/debug:1' && IMAGE=acme/run:3 go"] }] } }`,
    [
      "docker.io/acme/debug:1 argument spec.containers[0].command[2]",
      "docker.io/acme/executor:v2 argument spec.containers[0].args[2]",
      "docker.io/acme/grafana:5.0 argument spec.containers[0].args[3]",
      "docker.io/acme/run:3 argument spec.containers[0].command[2]",
      "docker.io/acme/x:1 argument spec.containers[0].args[5]",
      "docker.io/acme/y:2 argument spec.containers[0].args[5]",
      "quay.io/jetstack/solver:v1 argument spec.containers[0].args[0]",
      `quay.io/po/reloader:v0.9@sha256:${HEX} argument spec.containers[0].args[6]`,
    ],
  ],
  [
    "environment: by name, in full, in two variables, on several lines, as JSON",
    `{ kind: Pod, spec: { containers: [{ env: [
      { name: RELATED_IMAGE_PROXY, value: "acme/proxy:1" }, { name: WORKER, value: "quay.io/acme/worker:2" },
      { name: A_IMAGE_REPOSITORY, value: "acme/a" }, { name: A_IMAGE_TAG, value: "3" },
      { name: KAFKA_IMAGES, value: "4.2.0=acme/kafka:4.2.0\\n4.3.0=acme/kafka:4.3.0\\n" },
      { name: CONFIG, value: '{"runner": {"image": "acme/runner:5"}}' }] }] } }`,
    [
      "docker.io/acme/a:3 environment spec.containers[0].env[2].value",
      "docker.io/acme/kafka:4.2.0 environment spec.containers[0].env[4].value",
      "docker.io/acme/kafka:4.3.0 environment spec.containers[0].env[4].value",
      "docker.io/acme/proxy:1 environment spec.containers[0].env[0].value",
      "docker.io/acme/runner:5 image-field spec.containers[0].env[5].value.runner.image",
      "quay.io/acme/worker:2 environment spec.containers[0].env[1].value",
    ],
  ],
  [
    "a ConfigMap: manifests, YAML, JSON, lines of TOML, its own fields",
    `kind: ConfigMap
data:
  pod.yaml: "kind: Pod\\nspec:\\n  containers:\\n  - image: busybox\\n"
  config.yaml: |
    bus: { versions: [{ natsImage: "nats:2.10" }] }
  runtimes: |
    [{ "images": [{ "phase": "build", "image": "acme/go@sha256:${HEX}" }] }]
  runner.toml: |
    [[runners]]
      [runners.docker]
        image = "alpine:3"
        helper_image = 'acme/helper:1'
  builder-image: acme/builder:v1
  reloader: quay.io/acme/reloader:v1
`,
    [
      `docker.io/acme/builder:v1 image-field data.builder-image`,
      `docker.io/acme/go@sha256:${HEX} image-field data.runtimes[0].images[0].image`,
      `docker.io/acme/helper:1 text-line data["runner.toml"]`,
      `docker.io/library/alpine:3 text-line data["runner.toml"]`,
      `docker.io/library/busybox:latest pod-spec data["pod.yaml"].spec.containers[0].image`,
      `docker.io/library/nats:2.10 image-field data["config.yaml"].bus.versions[0].natsImage`,
      `quay.io/acme/reloader:v1 reference data.reloader`,
    ],
  ],
  [
    "names within lines: XML, flags of a script, JSON and YAML that it quotes; bare references are suspected",
    String.raw`kind: ConfigMap
data:
  config.xml: |
    <cloud version="1">
      <image>acme/agent:1</image><alwaysPullImage>false</alwaysPullImage>
    </cloud>
  setup.sh: |
    # image: acme/comment:1
    kubectl run x --image=acme/run:2 --image-pull-policy=Always && tool --job-image acme/job:3; crane pull quay.io/acme/pulled:4
    curl -d '{ "profile": {
        "builder": "apiVersion: v1\n{{ NAME }}\n  image: acme/built:5\n  kind: x",
        "image" : "acme/json:6" }}'
    echo "image: acme/open:v{{ X }}" image: acme/untagged
`,
    [
      `docker.io/acme/agent:1 text-line data["config.xml"]`,
      `docker.io/acme/built:5 text-line data["setup.sh"]`,
      `docker.io/acme/job:3 text-line data["setup.sh"]`,
      `docker.io/acme/json:6 text-line data["setup.sh"]`,
      `docker.io/acme/run:2 text-line data["setup.sh"]`,
      `quay.io/acme/pulled:4? text-line data["setup.sh"]`,
    ],
  ],
  [
    "a Secret's plain text, and an annotation with a pod template",
    `{ kind: Secret, metadata: { annotations: { init: '[{"containers": [{"image": "acme/init:1"}]}]', agent.image: "acme/agent:2" } },
       stringData: { a.yaml: "toolImage: acme/tool:3\\n" } }`,
    [
      `docker.io/acme/agent:2 image-field metadata.annotations["agent.image"]`,
      "docker.io/acme/init:1 pod-spec metadata.annotations.init[0].containers[0].image",
      `docker.io/acme/tool:3 image-field stringData["a.yaml"].toolImage`,
    ],
  ],
  [
    "values in a HelmChart",
    `{ kind: HelmChart, spec: { valuesContent: "image:\\n  repository: acme/a\\n  tag: v1\\n" } }`,
    ["docker.io/acme/a:v1 split-reference spec.valuesContent.image.repository"],
  ],
  [
    "a template in a ConfigMap that its application fills: what is written out, on every branch",
    `kind: ConfigMap
data:
  sidecar: |
    {{- if .Debug }}
    containers:
    - name: debug
      image: acme/debug:1
    {{- else }}
    containers:
    - name: {{ .Name }}
      image: "acme/proxy:2"
    {{- end }}
`,
    [
      "docker.io/acme/debug:1 pod-spec data.sidecar.containers[0].image",
      "docker.io/acme/proxy:2 pod-spec data.sidecar.containers[0].image",
    ],
  ],
];

for (const [what, text, expected] of found) {
  test(`found: ${what}`, () => {
    assert.deepEqual(shown(text), expected);
    assert.deepEqual(find(text).unresolved, []);
  });
}

/** Texts that look like references, in places where images could be. */
const notFound: readonly (readonly [string, string])[] = [
  [
    "the schema of a custom resource",
    "{ kind: CustomResourceDefinition, spec: { image: acme/a:1, containers: [{ image: b:1 }] } }",
  ],
  [
    "URLs, hosts with ports, times, CIDRs",
    "{ kind: X, spec: { a: 'https://quay.io/a/b:1', b: 'svc.example.com:9000', c: '05:20', d: '10.0.0.0/8' } }",
  ],
  [
    "API groups, media types, file names, roles",
    "{ kind: X, spec: { a: apps/v1, b: application/json, c: a.b/c.yaml, d: 'system:node:x' } }",
  ],
  [
    "taints",
    "{ kind: Pod, spec: { containers: [{ args: ['--register-with-taints=node.example.com/x:NoSchedule', 'node-role.kubernetes.io/master:v1'] }] } }",
  ],
  [
    "code repositories",
    "{ kind: X, spec: { a: 'github.com/acme/a:v1', source: { repository: github.com/acme/a, tag: v1 } } }",
  ],
  ["chart repositories", "{ kind: X, spec: { source: { repository: 'https://charts.example.com', version: 1.0.0 } } }"],
  [
    "settings called image",
    "{ kind: X, spec: { image: { height: 500 }, tokenImage: 24h, image.format: png, images: 3, hasImage: true } }",
  ],
  [
    "what is about an image",
    "{ kind: X, spec: { imagePullPolicy: a/b:1, imageTag: 'a:1', imagePullSecrets: [{ name: 'a/b:1' }] } }",
  ],
  [
    "environment about images",
    "{ kind: Pod, spec: { containers: [{ env: [{ name: PULL_IMAGE, value: 'true' }, { name: IMAGE_SERVER, value: 'img:8080' }, { name: IMAGE_NAME, value: proxyv2 }] }] } }",
  ],
  [
    "arguments that are no images",
    "{ kind: Pod, spec: { containers: [{ args: ['--listen=0.0.0.0:80', '--image-pull-policy=a:b', '--upstream', 'svc:80', '--url=http://a.example/x:1', '--config=/etc/a:b'] }] } }",
  ],
  [
    "labels and what was applied last",
    `{ kind: X, metadata: { labels: { image: 'a:1' }, annotations: { kubectl.kubernetes.io/last-applied-configuration: '{"image": "a/b:1"}' } } }`,
  ],
  ["status and descriptions", "{ kind: X, status: { image: 'a/b:1' }, spec: { description: quay.io/a/b:1 } }"],
  ["encoded data of a Secret", "{ kind: Secret, data: { image: 'a/b:1' } }"],
  [
    "queries of dashboards",
    `{ kind: ConfigMap, data: { d.json: '{"expr": "sum(x{image!=\\"\\"}) by (a:b)", "title": "a:b"}' } }`,
  ],
  [
    "logs, patterns and prose in configuration text",
    `kind: ConfigMap
data:
  fluent.conf: |
    # I0204 factory.go:193] quay.io/acme/x:1 was created; the image: acme/y:1
    <source>
      path /var/log/pkg/scheduler/factory.go:193 image_format acme/z:1
      Image a kube-system/backend:http listens at http://quay.io/a/b:1
    </source>
`,
  ],
  ["an image with an empty tag in an object", "{ kind: X, spec: { hub: '', image: pilot, tag: '' } }"],
];

for (const [what, text] of notFound) {
  test(`not found: ${what}`, () => assert.deepEqual([shown(text), find(text).unresolved], [[], []]));
}

/** What should be a reference and is none. */
const unreadable: readonly (readonly [string, string, RegExp])[] = [
  ["only a tag", "':latest'", /has a tag or digest, but no name/],
  ["no name behind a slash", "ghcr.io/acme/:v1", /name ends with a slash/],
  ["an empty tag", "'acme/a:'", /tag is empty/],
  ["a printed map", "'map[repository:a tag:b]'", /a whole map/],
  ["a value that is not there", "'%!s(<nil>):v1'", /not there/],
  ["no value", "'<no value>'", /not there/],
  ["a template of somebody else", "'docker.io/acme/a:[[ .Version ]]'", /a template is left/],
  ["an action without quotes", "{{ .ProxyImage }}", /ProxyImage.*a template is left/],
  ["a variable", "$(IMAGE)", /a variable is left/],
  ["a letter that only looks right", "'acme/\u0430pp:1'", /\\u\{430\} is outside ASCII/],
  ["upper case", "acme/App:1", /lower case/],
  ["Istio's placeholder", "auto", /injector of Istio/],
];

for (const [what, image, reason] of unreadable) {
  test(`reported and not listed: ${what} (CI-T4)`, () => {
    const { images, unresolved } = find(
      `{ kind: Pod, metadata: { name: p }, spec: { containers: [{ image: ${image} }] } }`,
    );
    assert.deepEqual(images, []);
    assert.equal(unresolved.length, 1);
    assert.match(unresolved[0]!.reason, reason);
    assert.match(unresolved[0]!.reason, /^templates\/a\.yaml: Pod\/p spec\.containers\[0\]\.image: /);
  });
}

test("misprints count outside of container lists too, where a name says image", () => {
  const { images, unresolved } = find(
    `{ kind: X, spec: { image: 'map[a:b]' }, more: [{ args: ['--x-image=:v1'] }, { env: [{ name: A_IMAGE, value: '%!s(<nil>)' }] }] }`,
  );
  assert.deepEqual(images, []);
  assert.equal(unresolved.length, 3);
});

test("lines with actions in a text that is no YAML are reported, never silent (CI-T4)", () => {
  const { unresolved } = find(`kind: ConfigMap
data:
  x: |
    {{ define "a" }}
        deep: 1
    {{ end }}
    flat: 1
    image: {{ annotation .ObjectMeta "x" .Image | quote }}
`);
  assert.equal(unresolved.length, 1);
  assert.match(unresolved[0]!.reason, /data\.x: .*a template is left/);
});

const inDashboard = (json: string): string => `{ kind: ConfigMap, data: { x: ${JSON.stringify(json)} } }`;

test("every branch of a dashboard in JSON is looked at, with its actions", () => {
  const { images, unresolved } = find(
    inDashboard('{"legend": "{{ pod }}", {{ if .A }}"image": "acme/a:1"{{ else }},"image": "acme/b:1"{{ end }}}'),
  );
  assert.deepEqual(
    images.map(({ image, reasons }) => `${image} ${reasons[0]?.path}`),
    ["docker.io/acme/a:1 data.x.image", "docker.io/acme/b:1 data.x.image"],
  );
  assert.deepEqual(unresolved, []);
  assert.deepEqual(shown(inDashboard('{"legend": "{{ pod }}", "image": "quay.io/acme/c:{{ .Tag }}"}')), []);
});

test("names that objects have in JavaScript are names like others", () => {
  assert.deepEqual(shown("{ kind: X, __proto__: { constructor: { image: 'acme/a:1' } }, '1': 'quay.io/acme/b:1' }"), [
    "docker.io/acme/a:1 image-field __proto__.constructor.image",
    "quay.io/acme/b:1 reference 1",
  ]);
});

test("an object whose kind or name is no word is called by a question mark", () => {
  const { images } = find("{ kind: List, items: [{ kind: { a: b }, metadata: { name: [x] }, image: 'acme/a:1' }] }");
  assert.equal(images[0]?.reasons[0]?.object, "?/?");
});

test("every rule that looks at objects has a shape here", () => {
  const seen = new Set(found.flatMap(([, , expected]) => expected.map((line) => line.split(" ")[1])));
  const others = ["image-volume", "chart-annotation", "images-lock", "values", "placeholder", "listed"];
  assert.deepEqual(
    Object.keys(imageRules).filter((rule) => !seen.has(rule)),
    others,
  );
});
