import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { openRenderer } from "../../lib/helm/index.ts";
import { findClusterImage } from "../../lib/images/index.ts";
import { chartArchive } from "../fixtures/chart-archive.ts";
import { podOf } from "../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-cluster-image-"));
after(() => rm(work, { recursive: true, force: true }));
const finder = { renderer: openRenderer({ threads: 0 }) };
const DIGEST = `sha256:${"a".repeat(64)}`;

/** A build directory with these files. @returns its findings */
let count = 0;
async function scan(files: Readonly<Record<string, string | Uint8Array>>) {
  const directory = join(work, String(count++));
  await mkdir(directory);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  const { images, unresolved } = await findClusterImage(directory, finder);
  return { images: images.map(({ image }) => image), unresolved };
}

const lantern = {
  "charts/lantern/Chart.yaml": "apiVersion: v2\nname: lantern\nversion: 1.0.0\n",
  "charts/lantern/values.yaml": "sidecar: false\n",
  "charts/lantern/templates/pod.yaml": `${podOf("lantern:{{ .Release.Name }}")}{{ if .Values.sidecar }}    - { name: s, image: sidecar:1 }\n{{ end }}`,
};

test("charts, manifests and hand-written lists are scanned, without what .sealignore names (CI-W5, CI-11)", async () => {
  const packed = await chartArchive("packed", "1.0.0", { "templates/pod.yaml": podOf("packed:1", "ignored:1") });
  const { images, unresolved } = await scan({
    ...lantern,
    "charts/packed-1.0.0.tgz": packed,
    "charts/README.md": "image: none:1",
    "manifests/deep/a.yml": podOf("quay.example/a/b:1"),
    "manifests/b.yaml.tmpl": podOf("templated:1"),
    "manifests/notes.txt": podOf("none:1"),
    "images/shim/lantern": '# note\n\nquay.example/acme/lantern:v2.1.0\n"busybox:1.36"\ncontainers-storage:stored:1\n',
    "images/shim/other": "docker-daemon:daemon:1\r\n",
    "images/skopeo/tar.txt": "docker-archive:x.tar@repo/img:tag\noci-archive:y.tar@repo/img2:tag\n",
    "images/skopeo/x.tar": "",
    ".sealignore": "# comment\ndocker.io/library/ignored:1\nrepo/img:tag\n",
  });
  assert.deepEqual(unresolved, []);
  assert.deepEqual(images, [
    "docker.io/library/busybox:1.36",
    "docker.io/library/daemon:1",
    // the release is called dryrun
    "docker.io/library/lantern:dryrun",
    "docker.io/library/packed:1",
    "docker.io/library/stored:1",
    "docker.io/library/templated:1",
    "docker.io/repo/img2:tag",
    // .sealignore counts as an exact string, so repo/img:tag is no other spelling of this one
    "docker.io/repo/img:tag",
    "quay.example/a/b:1",
    "quay.example/acme/lantern:v2.1.0",
  ]);
});

test("values beside a chart are laid over its own (CI-T5)", async () => {
  const { images } = await scan({ ...lantern, "charts/lantern.values.yaml": "sidecar: true\n" });
  assert.deepEqual(images, ["docker.io/library/lantern:dryrun", "docker.io/library/sidecar:1"]);
});

test("comments behind a reference are none of it, and a digest beside a tag stays (CI-T2, CI-T3)", async () => {
  const { images } = await scan({
    "manifests/a.yaml": `spec:\n  containers:\n    - image: quay.example/a/b:1 # note\n    - image: "quay.example/a/c:1@${DIGEST}"\n`,
  });
  assert.deepEqual(images, ["quay.example/a/b:1", `quay.example/a/c:1@${DIGEST}`]);
});

test("what is no reference is unresolved, wherever it stands (CI-T4)", async () => {
  const { images, unresolved } = await scan({
    "charts/odd/Chart.yaml": "apiVersion: v2\nname: odd\nversion: 1.0.0\n",
    "charts/odd/templates/pod.yaml": podOf("{{ `{{ .ProxyImage }}` }}"),
    "charts/broken/Chart.yaml": "apiVersion: v2\nname: broken\nversion: 1.0.0\n",
    "charts/broken/templates/pod.yaml": '{{ fail "no values" }}',
    "images/shim/list": "good:1\nbad:\n",
  });
  assert.deepEqual(images, ["docker.io/library/good:1"]);
  assert.deepEqual(
    unresolved.map(({ chart }) => chart),
    ["broken-1.0.0", "images/shim/list", "odd-1.0.0"],
  );
  assert.match(unresolved[2]!.reason, /\.ProxyImage.*a template is left in it/);
});

test("a directory without any of it has no images", async () => {
  for (const files of [{ Kubefile: "FROM scratch" }, { "manifests/deep/notes.txt": "image: none:1" }]) {
    assert.deepEqual(await scan(files), { images: [], unresolved: [] });
  }
});
