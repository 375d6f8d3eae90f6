import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openRenderer, type Renderer, type RenderOptions } from "../../lib/helm/index.ts";
import { type ChartFinder, chartInRegistry, chartOnDisk, type ListedChart, listChart } from "../../lib/images/index.ts";
import { digestOf, mediaTypes, openBuilt } from "../../lib/oci/index.ts";
import { openStore, type Store } from "../../lib/store/index.ts";
import { chartArchive } from "../fixtures/chart-archive.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-chart-images-"));
after(() => rm(work, { recursive: true, force: true }));

/** The real renderer; counts what it is asked. */
class Counted implements Renderer {
  readonly #renderer = openRenderer({ threads: 0 });
  readonly version: string;
  renders = 0;
  /** Renders wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(version = this.#renderer.version) {
    this.version = version;
  }

  async render(chart: string, options?: RenderOptions) {
    this.renders += 1;
    await this.gate;
    return this.#renderer.render(chart, options);
  }
}

interface Damaged {
  readonly key: string;
  readonly code: string;
}

function finderOf(renderer: Renderer, store: Store): ChartFinder & { readonly damaged: Damaged[] } {
  const damaged: Damaged[] = [];
  const onDamaged = (key: string, { code }: { readonly code: string }) => void damaged.push({ key, code });
  return { renderer, kept: { store, onDamaged }, damaged };
}

const templates = {
  "values.yaml": "tag: 1\nsidecar: false\n",
  "templates/pod.yaml": podOf("web:{{ .Values.tag }}"),
  "templates/sidecar.yaml": `{{ if .Values.sidecar }}${podOf("sidecar:1")}{{ end }}`,
  "templates/broken.yaml": '{{ if .Values.broken }}{{ fail "it is broken" }}{{ end }}',
};
const directory = await writeChart(work, { name: "web", version: "1.0.0" }, templates);
const archive = join(work, "web-1.0.0.tgz");
await writeFile(archive, await chartArchive("web", "1.0.0", templates));
const chart = await chartOnDisk(archive);
const imagesOf = ({ findings }: Awaited<ReturnType<typeof listChart>>) => findings.images.map(({ image }) => image);
const WEB = "docker.io/library/web:1";

test("a chart is rendered once, also after a restart and wherever it lies", async () => {
  const renderer = new Counted();
  const url = `file:${join(work, "store")}`;
  const first = await listChart(chart, [{}], finderOf(renderer, await openStore(url)));
  const built = chartArtifact(
    { name: "web", version: "1.0.0" },
    { archive: await chartArchive("web", "1.0.0", templates) },
  );
  const source = openBuilt({ "1.0.0": built });
  const [layer] = built.contents.filter(({ descriptor }) => descriptor.mediaType === mediaTypes.helmChart);
  const metadata = { name: "web", version: "1.0.0" };
  const artifact = { metadata, manifest: built.descriptor, chart: layer!.descriptor };
  const second = await listChart(chartInRegistry({ source, artifact }), [{}], finderOf(renderer, await openStore(url)));
  assert.deepEqual(imagesOf(first), [WEB]);
  assert.deepEqual(second, first);
  assert.equal(renderer.renders, 1);
  assert.match(first.keys[0]!, /^images\/[0-9a-f]{64}\/[0-9a-f]{64}\.json$/);
});

test("requests for the same chart at once share one render, and one that goes away harms no other", async () => {
  const renderer = new Counted();
  const gate = Promise.withResolvers<void>();
  renderer.gate = gate.promise;
  const finder = finderOf(renderer, await openStore("memory:"));
  const leaving = new AbortController();
  const left = listChart(chart, [{}], finder, leaving.signal);
  const others = [1, 2, 3].map(() => listChart(chart, [{}], finder));
  leaving.abort(new Error("gone"));
  await assert.rejects(left, /gone/);
  gate.resolve();
  for (const other of await Promise.all(others)) assert.deepEqual(imagesOf(other), [WEB]);
  assert.equal(renderer.renders, 1);
});

for (const [what, text] of [
  ["cut off", (good: string) => good.slice(0, good.length / 2)],
  ["empty", () => ""],
  ["of another kind", () => '{"images": []}'],
  ["with a field nobody knows", (good: string) => good.replace('"images"', '"more":1,"images"')],
  ["with a status that is none", (good: string) => good.replace('"required"', '"needed"')],
] as const) {
  test(`kept findings that are ${what} are made anew, and somebody is told`, async () => {
    const renderer = new Counted();
    const store = await openStore("memory:");
    const finder = finderOf(renderer, store);
    const { findings, keys } = await listChart(chart, [{}], finder);
    const key = keys[0]!;
    const good = Buffer.concat(await Array.fromAsync((await store.get(key)).body)).toString();
    await store.put(key, text(good));
    assert.deepEqual(await listChart(chart, [{}], finder), { findings, keys });
    assert.deepEqual([renderer.renders, finder.damaged], [2, [{ key, code: "STORE_OBJECT_INVALID" }]]);
    assert.equal(Buffer.concat(await Array.fromAsync((await store.get(key)).body)).toString(), good);
  });
}

test("other values, values files of other content, versions and renderers are other inputs", async () => {
  const store = await openStore("memory:");
  const values = join(work, "values.yaml");
  const keys = new Set<string>();
  const list = async (profile: RenderOptions, renderer = new Counted()) => {
    const listed = await listChart(chart, [profile], finderOf(renderer, store));
    assert.equal(keys.has(listed.keys[0]!), renderer.renders === 0);
    keys.add(listed.keys[0]!);
    return imagesOf(listed);
  };
  await writeFile(values, "tag: 2\n");
  assert.deepEqual(await list({ valuesFiles: [values] }), ["docker.io/library/web:2"]);
  await writeFile(values, "tag: 3\n");
  assert.deepEqual(await list({ valuesFiles: [values] }), ["docker.io/library/web:3"]);
  await list({});
  await list({ set: ["tag=2"] });
  await list({ kubeVersion: "1.30" });
  await list({ tests: true });
  await list({}, new Counted("another"));
  assert.equal(keys.size, 7);
  // what is not said is no input
  await list({ set: [], valuesFiles: [], kubeVersion: undefined });
  await list({ kubeVersion: "1.30", set: [] });
  assert.equal(keys.size, 7);
});

test("a values file that is not there leaves the chart unresolved", async () => {
  const finder = finderOf(new Counted(), await openStore("memory:"));
  const { findings } = await listChart(chart, [{ valuesFiles: ["/nowhere/values.yaml"] }], finder);
  assert.match(findings.unresolved[0]!.reason, /"\/nowhere\/values\.yaml": ENOENT/);
});

test("nothing is kept of a directory, which may change", async () => {
  const renderer = new Counted();
  const store = await openStore("memory:");
  for (let i = 0; i < 2; i++) {
    assert.deepEqual((await listChart(await chartOnDisk(directory), [{}], finderOf(renderer, store))).keys, []);
  }
  assert.equal(renderer.renders, 2);
  assert.deepEqual(await Array.fromAsync(store.list("")), []);
});

test("the images of several profiles are united, and a profile that does not render is unresolved beside the others", async () => {
  const store = await openStore("memory:");
  const profiles = [{ set: ["tag=2"] }, { set: ["sidecar=true"] }, { set: ["broken=true"] }];
  const listed = await listChart(chart, profiles, finderOf(new Counted(), store));
  assert.deepEqual(imagesOf(listed), ["docker.io/library/sidecar:1", WEB, "docker.io/library/web:2"]);
  assert.equal(listed.findings.unresolved.length, 1);
  assert.match(listed.findings.unresolved[0]!.reason, /it is broken/);
  // why it failed may be the machine's affair, so that is not kept
  assert.equal((await Array.fromAsync(store.list("images/"))).length, 2);
});

test("a library chart has no images and is no failure", async () => {
  const path = join(work, "library");
  await mkdir(path);
  await writeFile(join(path, "Chart.yaml"), "apiVersion: v2\nname: library\nversion: 1.0.0\ntype: library\n");
  const renderer = new Counted();
  const { findings } = await listChart(await chartOnDisk(path), [{}], { renderer });
  assert.deepEqual([findings, renderer.renders], [{ images: [], unresolved: [] }, 0]);
});

/** Looks at what is rendered where it is rendered, on this thread. */
const inProcess = openRenderer({ threads: 0 });

test("a chart that is rendered in process is read once, and is called what its Chart.yaml says", async () => {
  const asked: string[] = [];
  const once: ListedChart = {
    digest: async () => assert.fail("nothing is kept, so nothing needs a digest"),
    describe: async () => assert.fail("it is read twice"),
    withFile: (use) => {
      asked.push(archive);
      return use(archive);
    },
  };
  const { findings } = await listChart(once, [{}], { renderer: inProcess });
  assert.deepEqual(findings, (await listChart(chart, [{}], { renderer: new Counted() })).findings);
  assert.deepEqual(
    findings.images[0]!.reasons.map(({ chart, version }) => [chart, version]),
    [["web", "1.0.0"]],
  );
  assert.deepEqual(asked, [archive]);
});

test("a chart of a registry is called what the registry says, by whoever renders it", async () => {
  const { contents, descriptor } = chartArtifact(
    { name: "known", version: "2.0.0" },
    { archive: await chartArchive("web", "1.0.0", templates) },
  );
  const source = openBuilt({ "2.0.0": { contents, descriptor } });
  const [layer] = contents.filter(({ descriptor }) => descriptor.mediaType === mediaTypes.helmChart);
  const artifact = { metadata: { name: "known", version: "2.0.0" }, manifest: descriptor, chart: layer!.descriptor };
  for (const renderer of [inProcess, new Counted()]) {
    const { findings } = await listChart(chartInRegistry({ source, artifact }), [{}], { renderer });
    assert.equal(findings.images[0]!.reasons[0]!.chart, "known");
  }
});

test("what is no chart at all is refused in the same words by whoever renders", async () => {
  const text = join(work, "text.tgz");
  await writeFile(text, "no chart");
  const nameless = join(work, "nameless.tgz");
  await writeFile(nameless, await chartArchive("web", "1.0.0", { "Chart.yaml": "version: 1.0.0\n" }));
  for (const path of [text, nameless]) {
    for (const renderer of [inProcess, new Counted()]) {
      await assert.rejects(listChart(await chartOnDisk(path), [{}], { renderer }), {
        code: "CHART_INVALID",
        message: new RegExp(`^Cannot read chart "${path}": `),
      });
    }
  }
  await assert.rejects(chartOnDisk(join(work, "nothing.tgz")), {
    code: "CHART_INVALID",
    message: /nothing\.tgz": ENOENT/,
  });
});

test("a chart that is one and cannot be read is unresolved under its name", async () => {
  const path = join(work, "unreadable.tgz");
  await writeFile(path, await chartArchive("web", "1.0.0", { ...templates, "values.yaml": "[]" }));
  const { findings } = await listChart(await chartOnDisk(path), [{}], { renderer: inProcess });
  assert.deepEqual(findings.images, []);
  assert.deepEqual(
    findings.unresolved.map(({ chart, reason }) => [chart, /values\.yaml/.test(reason)]),
    [["web-1.0.0", true]],
  );
});

test("a library chart has no images in process either, also when the rest of it is broken", async () => {
  for (const values of ["a: 1", "[]"]) {
    const path = await writeChart(
      work,
      { name: "shared", version: "1.0.0" },
      {
        "Chart.yaml": "apiVersion: v2\nname: shared\nversion: 1.0.0\ntype: library\n",
        "values.yaml": values,
        "templates/pod.yaml": podOf("web:1"),
      },
    );
    const { findings } = await listChart(await chartOnDisk(path), [{}], { renderer: inProcess });
    assert.deepEqual(findings, { images: [], unresolved: [] });
  }
});

test("a large archive has the digest of its bytes, as a small one has", async () => {
  for (const size of [1000, 5 * 1024 * 1024]) {
    const bytes = Buffer.alloc(size, "content ");
    const path = join(work, `${size}.tgz`);
    await writeFile(path, bytes);
    assert.equal(await (await chartOnDisk(path)).digest(), digestOf(bytes));
  }
  assert.equal(await (await chartOnDisk(directory)).digest(), undefined);
});
