import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { findImages, findPlaceholders, findShimImages, readManifests } from "../../lib/images/index.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-inputs-"));
after(() => rm(work, { recursive: true, force: true }));

async function directoryOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = join(work, name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return directory;
}
const names = ({ images }: { readonly images: readonly { readonly image: string }[] }) =>
  images.map(({ image }) => image);

test("placeholders are found anywhere in the text, each once, without what follows (OEM-W7)", async () => {
  const directory = await directoryOf("oem", {
    "light/lantern.yaml": `
image: '[[ registry_release ]]/lantern:v0.8.1'
args: ["--proxy=[[ registry_library ]]/nginx:1.14"]
env: {GC: '{"gc": "[[ registry_release ]]/lantern:v0.8.1"}', HOST: '[[ registry_release ]]'}
# image: "quay.example/lantern:dev"
# see [[ registry_release ]]/comment:v1
`,
  });
  const findings = await findPlaceholders(directory);
  assert.deepEqual(names(findings), ["release/lantern:v0.8.1", "library/nginx:1.14", "release/comment:v1"]);
  assert.deepEqual(findings.unresolved, []);
  assert.deepEqual(findings.images[1]?.reasons[0], {
    chart: "light/lantern.yaml",
    version: "",
    subchart: "",
    template: "light/lantern.yaml",
    object: "",
    path: "line 3",
    rule: "placeholder",
    raw: "[[ registry_library ]]/nginx:1.14",
    switches: [],
    condition: null,
  });
});

test("files are read by path component: a/b.yaml before a-b/c.yaml, directory a before file a.yaml (OEM-W7)", async () => {
  const files = ["a-b/c.yaml", "a.yaml", "a/b.yaml", "B.yaml", "a/a/z.txt"];
  const directory = await directoryOf(
    "order",
    Object.fromEntries(files.map((file, i) => [file, `[[ registry_release ]]/x:${i}`])),
  );
  assert.deepEqual(
    names(await findPlaceholders(directory)),
    ["B.yaml", "a/a/z.txt", "a/b.yaml", "a-b/c.yaml", "a.yaml"].map((file) => `release/x:${files.indexOf(file)}`),
  );
});

test("an image without placeholder, and a line that is none, are reported and not listed (OEM-W7, OEM-T1)", async () => {
  const directory = await directoryOf("bad", {
    "a.yaml": `controllers:
- containers:
  - image: quay.example/acme/lantern:dev
  - image: '[[ registry_release ]]/untagged'
  - image: [[ registry_release ]]/good:v1
`,
  });
  const findings = await findPlaceholders(directory);
  assert.deepEqual(names(findings), ["release/good:v1"]);
  assert.deepEqual(
    findings.unresolved.map(({ reason }) => reason),
    [
      'line 4: "release/untagged" has no tag',
      'controllers[0].containers[0].image: "quay.example/acme/lantern:dev" has no placeholder; such images belong into a list kept by hand',
    ],
  );
  const known = await findPlaceholders(directory, new Set(["acme/lantern:dev"]));
  assert.equal(known.unresolved.length, 1);
});

test("a directory that is not there is refused", async () => {
  await assert.rejects(findPlaceholders(join(work, "none")), { code: "CHART_INVALID" });
});

test("lists of a cluster image: quotes and transports go, comments are skipped, archives count by name (CI-W5)", async () => {
  const directory = await directoryOf("shim", {
    "images/shim/lantern":
      '# images\n\nquay.example/acme/lantern:v2.1.0\r\n"busybox:1.36"\ncontainers-storage:acme/a:1\n not a reference\n',
    "images/shim/other.txt": "busybox:1.36",
    "images/skopeo/tar.txt": "docker-archive:x.tar@acme/b:2\noci-archive:y.tar@acme/c:3\n",
    "images/skopeo/other.txt": "acme/x:1",
  });
  const findings = await findShimImages(directory);
  assert.deepEqual(names(findings), [
    "docker.io/acme/a:1",
    "docker.io/acme/b:2",
    "docker.io/acme/c:3",
    "docker.io/library/busybox:1.36",
    "quay.example/acme/lantern:v2.1.0",
  ]);
  assert.equal(findings.images[3]?.reasons.length, 2);
  assert.match(findings.unresolved[0]!.reason, /^line 6: /);
  assert.deepEqual(await findShimImages(join(work, "none")), { images: [], unresolved: [] });
});

test("a .tmpl is read as a template that nobody filled in: every branch, and what is computed is reported (CI-13, CI-W6)", async () => {
  const directory = await directoryOf("manifests", {
    "deep/a.yaml.tmpl": `kind: Pod
metadata: { name: {{ .NAME }} }
spec:
  containers:
  {{- if .DEBUG }}
  - image: acme/debug:1 # note
  {{ end }}
  - {{ if .X }}image: acme/x:1{{ end }}
    name: {{ default "web" .NAME }}
  - image: acme/a:{{ .TAG }}
  - image: {{ if .OLD }}acme/old:1{{ else }}{{ .NEW }}{{ end }}
`,
  });
  const { images, unresolved } = findImages(await readManifests([directory]));
  assert.deepEqual(names({ images }), ["docker.io/acme/debug:1", "docker.io/acme/x:1"]);
  assert.equal(images[0]?.reasons[0]?.object, "Pod/{{ .NAME }}");
  assert.deepEqual(
    unresolved.map(({ raw }) => raw),
    ["acme/a:{{ .TAG }}", "acme/old:1{{ .NEW }}"],
  );
});
