import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Finding, imagesLockSchema } from "../../lib/images/index.ts";
import { buildImage, buildIndex, buildLayer } from "../../lib/oci/index.ts";
import { chartArchive } from "../fixtures/chart-archive.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf } from "../fixtures/chart-directory.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { stowage } from "./harness.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-images-"));
const registry = await startEmbeddedRegistry();
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

const addons = join(work, "oem-addons");
await mkdir(join(addons, "light"), { recursive: true });
await writeFile(
  join(addons, "light", "lantern.yaml"),
  `image: '[[ registry_release ]]/lantern:v0.8.1'\nargs: ["--proxy=[[ registry_library ]]/nginx:1.14"]\n`,
);

/** A file below the work directory. @returns its path */
async function file(name: string, text: string | Uint8Array): Promise<string> {
  await writeFile(join(work, name), text);
  return join(work, name);
}
const at = (name: string): string => `${registry.host}/demo/${name}`;
async function push(name: string, tag: string, content: string): Promise<void> {
  const layers = [await buildLayer([{ path: "content", content }])];
  await registry.push(`demo/${name}`, tag, buildIndex([buildImage({ platform: "linux/amd64", layers })]));
}
await push("app", "1", "first");
await push("tool", "1", "first");

const sidecar = {
  "values.yaml": "sidecar: false\ntag: 1\n",
  "templates/a.yaml": podOf(`${at("app")}:{{ .Values.tag }}`),
  "templates/b.yaml": `{{ if .Values.sidecar }}${podOf(`${at("tool")}:1`)}{{ end }}`,
};
const archive = await file("lantern-1.0.0.tgz", await chartArchive("lantern", "1.0.0", sidecar));

test("images --placeholders prints the images of OEM addons in the order of the files (OEM-9, OEM-11, OEM-W7)", async () => {
  for (const more of [[], ["--strip-registry"]]) {
    const { status, stdout, stderr } = await stowage(["images", "--placeholders", addons, ...more]);
    assert.deepEqual([status, stderr, stdout], [0, "", "release/lantern:v0.8.1\nlibrary/nginx:1.14\n"]);
  }
  const { images } = JSON.parse((await stowage(["images", "--placeholders", addons, "--format", "json"])).stdout);
  assert.deepEqual([images[0].image, images[0].reasons[0].rule], ["release/lantern:v0.8.1", "placeholder"]);
  assert.match(
    (await stowage(["images", "--placeholders", addons, "--format", "table"])).stdout,
    /lantern\.yaml line 1\n/,
  );
});

test("an image without placeholder is status 1, unless a list kept by hand names it (OEM-W7)", async () => {
  const other = join(work, "other");
  await mkdir(other);
  await writeFile(join(other, "a.yaml"), "containers: [{ image: 'quay.example/acme/tool:1' }]\n");
  const { status, stderr } = await stowage(["images", "--placeholders", other]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /may be incomplete: a\.yaml: containers\[0\]\.image: "quay\.example\/acme\/tool:1" has no placeholder/,
  );
  const list = join(work, "extra.list");
  await writeFile(list, "acme/tool:1\n");
  assert.deepEqual(await stowage(["images", "--placeholders", other, list]), {
    status: 0,
    stdout: "",
    stderr: "",
    log: [],
  });
  await writeFile(list, "acme/tool\n");
  assert.match(
    (await stowage(["images", "--placeholders", other, list])).stderr,
    /extra\.list:1: .*no tag.*LIST_INVALID/,
  );
});

test("images --manifests leaves test hooks out unless asked, and reads templates", async () => {
  const directory = join(work, "manifests");
  await mkdir(directory);
  const hook = podOf("tester:1").replace(
    "{ name: p }",
    '{ name: t, annotations: { "helm.sh/hook": "post-install, test" } }',
  );
  await writeFile(join(directory, "a.yaml"), `${podOf("web:1")}---\n${hook}`);
  await writeFile(join(directory, "b.yaml.tmpl"), podOf("extra:1", "other:{{ .TAG }}"));
  const { status, stdout, stderr } = await stowage(["images", "--manifests", directory]);
  assert.deepEqual([status, stdout], [1, "docker.io/library/extra:1\ndocker.io/library/web:1\n"]);
  assert.match(
    stderr,
    /b\.yaml\.tmpl: Pod\/p spec\.containers\[1\]\.image: .*other:\{\{ \.TAG \}\}.*a template is left/,
  );
  assert.match((await stowage(["images", "--manifests", directory, "--tests"])).stdout, /tester:1/);
});

test("--rules excludes, includes and allows, each with a reason; a rule without effect is reported", async () => {
  const manifests = await file("ruled.yaml", podOf("web:1", "unwanted:1", ":latest"));
  const rules = await file(
    "rules.yaml",
    `include: [{ image: "cli:1", reason: run by hand }]
exclude: [{ image: unwanted, reason: switched off }, { image: gone, reason: switched off }]
unresolved: [{ name: ":latest", reason: filled in later }]
`,
  );
  const list = await stowage(["images", "--manifests", manifests, "--rules", rules]);
  assert.deepEqual([list.status, list.stdout], [0, "docker.io/library/cli:1\ndocker.io/library/web:1\n"]);
  assert.equal(list.stderr, 'stowage images: rule without effect: exclude "gone"\n');
  const json = await stowage(["images", "--manifests", manifests, "--rules", rules, "--format", "json"]);
  const { excluded, allowed, unused } = JSON.parse(json.stdout);
  assert.deepEqual([excluded[0].finding.image, excluded[0].reason], ["docker.io/library/unwanted:1", "switched off"]);
  assert.deepEqual([allowed[0].unresolved.raw, allowed[0].reason, unused.length], [":latest", "filled in later", 1]);

  for (const text of ["exclude: [{ image: a:1 }]", "excludes: []", "{", "a: 1\n---\nb: 1\n"]) {
    const { status, stderr } = await stowage(["images", "--manifests", manifests, "--rules", await file("bad", text)]);
    assert.equal(status, 1);
    assert.match(stderr, /Cannot use image rules: .*RELEASE_INVALID/);
  }
});

test("--lock writes digest and platforms of every image, and nothing when one is not there", async () => {
  const lock = join(work, "images.lock.json");
  const good = await file("locked.yaml", podOf(`${at("app")}:1`, `${at("tool")}:1`));
  assert.equal((await stowage(["images", "--manifests", good, "--lock", lock])).status, 0);
  const { images } = imagesLockSchema.parse(JSON.parse(await readFile(lock, "utf8")));
  assert.deepEqual(
    images.map(({ image, platforms }) => [image, platforms]),
    [
      [`${at("app")}:1`, ["linux/amd64"]],
      [`${at("tool")}:1`, ["linux/amd64"]],
    ],
  );
  const before = await readFile(lock, "utf8");
  const bad = await file("missing.yaml", podOf(`${at("app")}:1`, `${at("gone")}:1`, `${at("gone")}:2`));
  const { status, stdout, stderr } = await stowage(["images", "--manifests", bad, "--lock", lock]);
  assert.deepEqual([status, stdout.split("\n").length], [1, 4]);
  assert.equal(stderr.match(/no digest of .*\/demo\/gone:[12]: /g)?.length, 2);
  assert.equal(await readFile(lock, "utf8"), before);
});

test("--diff tells what changed since a list or lock; tags that were overwritten are seen against a lock", async () => {
  const lock = join(work, "before.lock.json");
  const old = await file("old.yaml", podOf(`${at("app")}:1`, `${at("tool")}:1`));
  const list = await file("before.list", (await stowage(["images", "--manifests", old, "--lock", lock])).stdout);
  await push("app", "1", "second");
  await push("tool", "2", "first");
  const now = await file("now.yaml", podOf(`${at("app")}:1`, `${at("tool")}:2`));
  const changed = `~ ${at("tool")}: 1 -> 2\n`;
  assert.equal((await stowage(["images", "--manifests", now, "--diff", list])).stdout, changed);
  const { stdout } = await stowage(["images", "--manifests", now, "--diff", lock]);
  assert.match(stdout, new RegExp(`^${changed}! ${at("app")}:1: sha256:\\w+ -> sha256:\\w+\\n$`));
  const json = JSON.parse((await stowage(["images", "--manifests", now, "--diff", list, "--format", "json"])).stdout);
  assert.deepEqual([json.images.length, json.difference.changed.length], [2, 1]);

  const short = await file("short.list", "demo/app:1\ndemo/gone:1\n");
  const stripped = await stowage(["images", "--manifests", now, "--strip-registry", "--diff", short]);
  assert.equal(stripped.stdout, "+ demo/tool:2\n- demo/gone:1\n");
  const against = ["images", "--manifests", now, "--strip-registry", "--diff", lock];
  assert.match((await stowage(against)).stdout, /^~ demo\/tool: 1 -> 2\n! demo\/app:1: /);
  const oem = await file("oem.list", "release/lantern:v0.8.0\nlibrary/nginx:1.14\n");
  const { stdout: difference } = await stowage(["images", "--placeholders", addons, "--diff", oem]);
  assert.equal(difference, "~ release/lantern: v0.8.0 -> v0.8.1\n");
  assert.match((await stowage(["images", "--manifests", now, "--diff", old])).stderr, /LIST_INVALID/);
});

test("images that are only suspected are asked for at registries that the configuration names", async () => {
  const widget = (image: string): string => `kind: Widget\nmetadata: { name: w }\nspec: { image: ${image} }\n`;
  const manifests = await file("widgets.yaml", `${widget(at("app"))}---\n${widget(at("nothing"))}`);
  const config = await file("stowage.yaml", `registries: [{ host: "${registry.host}" }]\n`);
  const table = ["images", "--manifests", manifests, "--format", "table"];
  assert.doesNotMatch((await stowage(table)).stdout, /missing/);
  const { status, stdout, stderr } = await stowage([...table, "--config", config]);
  assert.equal(status, 0);
  assert.match(stdout, /demo\/nothing:latest +suspected, missing +/);
  assert.match(stderr, /suspected image .*\/demo\/nothing:latest: missing at its registry/);
});

test("--lists reads lists that are there, to unite, lock or compare them; a line that is no reference is told", async () => {
  const directory = join(work, "lists");
  await mkdir(directory);
  await writeFile(join(directory, "a.list"), `# by hand\n${at("app")}:1\ndocker.io/library/nginx:1.27\n`);
  await writeFile(join(directory, "b.list"), `${at("tool")}:1\n${at("app")}:1\n`);
  await writeFile(join(directory, "notes.txt"), "no list\n");
  const own = [`${at("app")}:1`, `${at("tool")}:1`];
  const all = [...own, "docker.io/library/nginx:1.27"].sort().map((image) => `${image}\n`);
  const read = await stowage(["images", "--lists", directory]);
  assert.deepEqual([read.status, read.stderr, read.stdout], [0, "", all.join("")]);
  const before = await file("before.list", `${own[0]}\n`);
  const lock = join(work, "lists.lock.json");
  const locked = await stowage(["images", "--lists", join(directory, "b.list"), "--diff", before, "--lock", lock]);
  assert.deepEqual([locked.status, locked.stdout], [0, `+ ${own[1]}\n`]);
  assert.equal(imagesLockSchema.parse(JSON.parse(await readFile(lock, "utf8"))).images.length, 2);
  const wrong = await stowage(["images", "--lists", await file("wrong.list", `${own[0]}\nnginx: 1\n`)]);
  assert.deepEqual([wrong.status, wrong.stdout], [1, `${own[0]}\n`]);
  assert.match(wrong.stderr, /may be incomplete: .*wrong\.list/);
});

test("each --profile is a render of its own on top of --values; with --data, what each finds is kept", async () => {
  const tag = await file("tag.yaml", "tag: 2\n");
  const on = await file("on.yaml", "sidecar: true\n");
  const none = await file("none.yaml", "{}\n");
  const data = join(work, "data");
  const args = ["images", archive, "--values", tag, "--profile", none, "--profile", `${none},${on}`, "--data", data];
  for (let i = 0; i < 2; i++) {
    const { status, stdout } = await stowage(args);
    assert.deepEqual([status, stdout], [0, `${at("app")}:2\n${at("tool")}:1\n`]);
  }
  const kept = (await readdir(join(data, "store"), { recursive: true })).filter((name) => name.endsWith(".json"));
  assert.equal(kept.length, 2);
});

test("a chart that is none harms no other chart of the run", async () => {
  const bad = await file("bad.tgz", "hello");
  const { status, stdout, stderr } = await stowage(["images", bad, archive]);
  assert.deepEqual([status, stdout], [1, `${at("app")}:1\n`]);
  assert.match(stderr, /may be incomplete: .*bad\.tgz: Cannot read chart/);
});

test("--release lists a description: its charts in all profiles, its images and lists, by its rules", async () => {
  const built = chartArtifact({ name: "lantern", version: "1.0.0" }, { archive: await readFile(archive) });
  await registry.push("charts/lantern", "1.0.0", built);
  await file("extra.list", "docker.io/library/extra:1\n");
  const release = await file(
    "release.yaml",
    `name: harbour
version: 1.0.0
charts: ["oci://${registry.host}/charts/lantern:1.0.0"]
images: ["docker.io/library/cli:1", "docker.io/library/unwanted:1"]
lists: [{ list: extra.list }]
profiles: { lantern: [{}, { sidecar: true }] }
rules: { exclude: [{ image: unwanted, reason: not needed }] }
`,
  );
  const { status, stdout, stderr } = await stowage(["images", "--release", release]);
  const own = [`${at("app")}:1`, `${at("tool")}:1`];
  const expected = [...own, "docker.io/library/cli:1", "docker.io/library/extra:1"].sort();
  assert.deepEqual([status, stderr, stdout], [0, "", expected.map((image) => `${image}\n`).join("")]);
});

test("--release --optional tells what the values leave out beside the list, until a rule or a profile takes it in", async () => {
  const built = chartArtifact({ name: "lantern", version: "1.0.0" }, { archive: await readFile(archive) });
  await registry.push("charts/lantern", "1.0.0", built);
  const release = `name: harbour\nversion: 1.0.0\ncharts: ["oci://${registry.host}/charts/lantern:1.0.0"]\n`;
  const run = async (more: string, ...args: readonly string[]) => {
    const { status, stdout } = await stowage([
      "images",
      "--release",
      await file("optional.yaml", release + more),
      ...args,
    ]);
    assert.equal(status, 0);
    return stdout;
  };
  const [app, tool] = [`${at("app")}:1`, `${at("tool")}:1`];
  assert.equal(await run("", "--optional"), `${app}\n`);
  const { images } = JSON.parse(await run("", "--optional", "--format", "json"));
  assert.deepEqual(
    images.map(({ image, status, reasons }: Finding) => [image, status, reasons[0]!.switches]),
    [
      [app, "required", []],
      [tool, "optional", ["sidecar=true"]],
    ],
  );
  const include = `rules: { include: [{ image: "${tool}", reason: "customers switch the sidecar on" }] }\n`;
  for (const more of [include, "profiles: { lantern: [{}, { sidecar: true }] }\n"]) {
    assert.equal(await run(more, "--optional"), `${app}\n${tool}\n`);
  }
});

test("--skip-schema-validation renders with values that the schema refuses", async () => {
  const schema = { ...sidecar, "values.schema.json": '{ "properties": { "tag": { "type": "string" } } }' };
  const strict = await file("strict-1.0.0.tgz", await chartArchive("strict", "1.0.0", schema));
  const images = async (...args: readonly string[]) =>
    JSON.parse((await stowage(["images", strict, "--format", "json", ...args])).stdout).images[0].reasons[0].switches;
  // the list says that it is needed, where nobody has said so
  assert.deepEqual(await images(), ["--skip-schema-validation"]);
  assert.deepEqual(await images("--skip-schema-validation"), []);
});

test("--cluster-image lists a build directory (CI-W5)", async () => {
  const directory = join(work, "build");
  await mkdir(join(directory, "images", "shim"), { recursive: true });
  await writeFile(join(directory, "images", "shim", "list"), "nginx\n");
  assert.equal((await stowage(["images", "--cluster-image", directory])).stdout, "docker.io/library/nginx:latest\n");
});

test("--cluster-image --optional explores the charts, and leaves the list as it is", async () => {
  const directory = join(work, "build-optional");
  await mkdir(join(directory, "charts"), { recursive: true });
  await writeFile(join(directory, "charts", "lantern-1.0.0.tgz"), await readFile(archive));
  const args = ["images", "--cluster-image", directory, "--optional"];
  assert.equal((await stowage(args)).stdout, `${at("app")}:1\n`);
  assert.match((await stowage([...args, "--format", "table"])).stdout, /demo\/tool:1 +optional/);
});

for (const [what, args] of [
  ["rules beside a release", ["--release", "x", "--rules", "y"]],
  ["two releases", ["--release", "x", "y"]],
  ["a lock of OEM lists", ["--placeholders", "x", "--lock", "y"]],
  ["profiles of manifests", ["--manifests", "x", "--profile", "y"]],
  ["what is optional in manifests", ["--manifests", "x", "--optional"]],
  ["a release without its schemas", ["--release", "x", "--skip-schema-validation"]],
  ["tests of a release", ["--release", "x", "--tests"]],
  ["rules that are not there", ["--manifests", addons, "--rules", "/nowhere"]],
] as const) {
  test(`images: ${what} is a usage error`, async () => {
    const { status, stdout } = await stowage(["images", ...args]);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}
