import assert from "node:assert/strict";
import { after, test } from "node:test";
import listImages from "../../functions/list-images.ts";
import type { Event } from "../../lib/events/index.ts";
import { type Finding, imagesLockSchema } from "../../lib/images/index.ts";
import { type Built, buildImage, buildLayer, digestOf } from "../../lib/oci/index.ts";
import { chartArchive } from "../fixtures/chart-archive.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf } from "../fixtures/chart-directory.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { Harness } from "./harness.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
const endpoint = `http://${registry.host}`;
/** Configured by name, so that it may be asked for images that are only suspected. */
const open = () => new Harness({ registries: [{ host: HOST, endpoint }] });

const image = async (content: string): Promise<Built> =>
  buildImage({ platform: "linux/amd64", layers: [await buildLayer([{ path: "content", content }])] });
const push = async (name: string, tag: string, content = `${name} ${tag}`): Promise<void> =>
  registry.push(`demo/${name}`, tag, await image(content));
const at = (name: string, tag: string): string => `${HOST}/demo/${name}:${tag}`;

async function pushChart(
  name: string,
  files: Readonly<Record<string, string>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<{ readonly reference: string; readonly digest: `sha256:${string}` }> {
  const archive = await chartArchive(name, "1.0.0", files);
  const built = chartArtifact({ name, version: "1.0.0", ...metadata }, { archive });
  await registry.push(`charts/${name}`, "1.0.0", built);
  return { reference: `oci://${HOST}/charts/${name}:1.0.0`, digest: built.contents[1]!.descriptor.digest };
}

const updated = (...references: readonly string[]) => {
  const digest = `sha256:${"0".repeat(64)}`;
  const added = references.map((reference) => ({ name: "x", version: "1.0.0", digest, reference }));
  const counts = { added: added.length, changed: 0, removed: 0 };
  return { digest, charts: 1, added, changed: [], removed: [], counts, truncated: false };
};
type Listed = Event<"dev.stowage.images.listed.v1">;
type Incomplete = Event<"dev.stowage.images.incomplete.v1">;

async function textIn(harness: Harness, key: string): Promise<string> {
  const { body } = await (await harness.store()).get(key);
  return Buffer.concat(await Array.fromAsync(body)).toString();
}
const list = (harness: Harness, release: Readonly<Record<string, unknown>>, id?: string) =>
  harness.run(listImages, "dev.stowage.images.requested.v1", { release }, id);

await push("app", "1");
await push("tool", "1");

test("one chart that cannot be used stops no other, and is told once all others are done", async () => {
  const good = await pushChart("good", { "templates/a.yaml": podOf("good:1") });
  const broken = await pushChart("broken", { "templates/a.yaml": '{{ fail "no values" }}' });
  const library = await pushChart("library", { "templates/_a.tpl": "" }, { type: "library" });
  await push("none", "1");
  const harness = open();
  const references = [
    `oci://${HOST}/demo/none:1`,
    broken.reference,
    `oci://${HOST}/charts/gone:1.0.0`,
    library.reference,
    good.reference,
  ];
  const { status, failure } = await harness.run(listImages, "dev.stowage.index.updated.v1", updated(...references));
  assert.deepEqual([status, failure?.code], [422, "CHART_INVALID"]);
  const told = harness.published.toSorted((a, b) => (a.subject! < b.subject! ? -1 : 1)) as [Incomplete, Listed, Listed];
  assert.deepEqual(
    told.map(({ type, subject }) => [type, subject]),
    [
      ["dev.stowage.images.incomplete.v1", "broken@1.0.0"],
      ["dev.stowage.images.listed.v1", "good@1.0.0"],
      ["dev.stowage.images.listed.v1", "library@1.0.0"],
    ],
  );
  const [{ data: incomplete }, { data: listed }, { data: none }] = told;
  assert.equal(none.images, 0);
  assert.deepEqual([incomplete.unresolved, incomplete.missing], [1, 0]);
  assert.match(incomplete.reason, /broken-1\.0\.0: .*no values/);
  assert.deepEqual([listed.digest, listed.images, listed.suspected], [good.digest, 1, 0]);
  assert.equal(JSON.parse(await textIn(harness, listed.key)).images[0].image, "docker.io/library/good:1");
});

test("damaged findings in the store are made anew, loudly", async () => {
  const { reference } = await pushChart("again", { "templates/a.yaml": podOf("again:1") });
  const harness = open();
  await harness.run(listImages, "dev.stowage.index.updated.v1", updated(reference));
  const [{ data }] = harness.published as [Listed];
  const good = await textIn(harness, data.key);
  await (await harness.store()).put(data.key, "{");
  await harness.run(listImages, "dev.stowage.index.updated.v1", updated(reference));
  assert.equal(await textIn(harness, data.key), good);
  assert.ok(harness.log.lines.some(({ level, fields }) => level === "warn" && fields["key"] === data.key));
});

test("a release leads to images.listed: list, lock and findings lie in the store", async () => {
  const { reference } = await pushChart("web", {
    "values.yaml": "sidecar: false\n",
    "templates/a.yaml": podOf(at("app", "1")),
    "templates/b.yaml": `{{ if .Values.sidecar }}${podOf(at("tool", "1"))}{{ end }}`,
  });
  const harness = open();
  const release = {
    name: "harbour",
    version: "1.0.0",
    charts: [reference],
    profiles: { web: [{}, { sidecar: true }], other: [{}] },
    rules: { exclude: [{ image: "gone:1", reason: "was never there" }] },
  };
  const { reply } = await list(harness, release);
  const { type, subject, data } = reply as Listed;
  assert.deepEqual([type, subject], ["dev.stowage.images.listed.v1", "harbour@1.0.0"]);
  assert.deepEqual(data, {
    release: "harbour",
    version: "1.0.0",
    images: 2,
    optional: 0,
    possible: 0,
    suspected: 0,
    key: "releases/harbour/1.0.0/images.json",
    list: "releases/harbour/1.0.0/images.list",
    lock: "releases/harbour/1.0.0/images.lock.json",
    lockDigest: digestOf(await textIn(harness, data.lock!)),
  });
  assert.equal(await textIn(harness, data.list!), `${at("app", "1")}\n${at("tool", "1")}\n`);
  const lock = imagesLockSchema.parse(JSON.parse(await textIn(harness, data.lock!)));
  assert.deepEqual(
    lock.images.map(({ image, digest, platforms }) => [image, digest, platforms]),
    [
      [at("app", "1"), (await image("app 1")).descriptor.digest, ["linux/amd64"]],
      [at("tool", "1"), (await image("tool 1")).descriptor.digest, ["linux/amd64"]],
    ],
  );
  const rules = harness.log.lines.map(({ fields }) => fields["rule"]).filter(Boolean);
  assert.deepEqual(rules, ['exclude "gone:1"', 'profiles "other"']);
});

test("what is optional in a release is counted and kept when the request asks for it, and never in the list", async () => {
  const { reference } = await pushChart("lamp", {
    "values.yaml": "sidecar: false\n",
    "templates/a.yaml": podOf(at("app", "1")),
    "templates/b.yaml": `{{ if .Values.sidecar }}${podOf(at("tool", "1"))}{{ end }}`,
  });
  const harness = open();
  const release = { name: "lamp", version: "1.0.0", charts: [reference] };
  const ask = (optional?: boolean) =>
    harness.run(listImages, "dev.stowage.images.requested.v1", { release, ...(optional ? { optional } : {}) });
  const { data: without } = (await ask()).reply as Listed;
  const { data } = (await ask(true)).reply as Listed;
  assert.deepEqual([without.images, without.optional], [1, 0]);
  assert.deepEqual([data.images, data.optional], [1, 1]);
  assert.equal(await textIn(harness, data.list!), `${at("app", "1")}\n`);
  const { images } = JSON.parse(await textIn(harness, data.key));
  assert.deepEqual(
    images.map(({ image, status }: Finding) => [image, status]),
    [
      [at("app", "1"), "required"],
      [at("tool", "1"), "optional"],
    ],
  );
});

test("lists and sets of a release belong to it too", async () => {
  const harness = open();
  await (await harness.store()).put("lists/extra.list", "demo/tool:1\n");
  const lists = [{ list: "lists/extra.list", form: "project", registry: HOST }];
  const sets = [{ path: "set.tar", images: [{ image: at("app", "1") }] }];
  const { reply } = await list(harness, { name: "sets", version: "1", lists, sets });
  assert.equal(await textIn(harness, (reply as Listed).data.list!), `${at("app", "1")}\n${at("tool", "1")}\n`);
  await (await harness.store()).put("lists/extra.list", "demo/tool'\n");
  const { failure } = await list(harness, { name: "sets", version: "1", lists });
  assert.equal(failure?.code, "LIST_INVALID");
});

test("what is missing or unresolved leads to images.incomplete, and a complete list from before stays", async () => {
  const { reference } = await pushChart("half", {
    "templates/a.yaml": `{{ if .Values.broken }}${podOf(":latest")}{{ else }}${podOf(at("app", "1"))}{{ end }}`,
  });
  const harness = open();
  const release = { name: "half", version: "1.0.0", charts: [reference] };
  await list(harness, release);
  const before = await textIn(harness, "releases/half/1.0.0/images.list");

  const worse = {
    ...release,
    charts: [reference, `oci://${HOST}/charts/gone:1.0.0`],
    images: [at("gone", "1"), at("gone", "2")],
    profiles: { half: [{ broken: true }] },
  };
  const { reply } = await list(harness, worse);
  const { type, data } = reply as Incomplete;
  assert.equal(type, "dev.stowage.images.incomplete.v1");
  assert.deepEqual([data.images, data.unresolved, data.missing], [2, 2, 2]);
  assert.match(data.reason, /half-1\.0\.0.*\(and 3 more\)$/);
  assert.equal(await textIn(harness, "releases/half/1.0.0/images.list"), before);
  const { unresolved, missing } = JSON.parse(await textIn(harness, data.key!));
  assert.deepEqual(
    [unresolved.length, missing.map(({ image }: { image: string }) => image)],
    [2, [at("gone", "1"), at("gone", "2")]],
  );

  const allowed = {
    include: [],
    exclude: [{ image: `${HOST}/demo/gone`, reason: "not needed" }],
    unresolved: [
      { name: "half", reason: "checked by hand" },
      { name: `oci://${HOST}/charts/gone:1.0.0`, reason: "comes later" },
    ],
  };
  const again = await list(harness, { ...worse, rules: allowed });
  assert.equal(again.reply?.type, "dev.stowage.images.listed.v1");
  const { excluded, allowed: stays } = JSON.parse(await textIn(harness, data.key!));
  assert.deepEqual([excluded[0].reason, stays[0].reason, stays.length], ["not needed", "checked by hand", 2]);
});

test("a registry that cannot be asked now is asked again later, and nothing is called missing", async () => {
  const harness = new Harness({ registries: [{ host: HOST, endpoint }] });
  const { status, failure } = await list(harness, { name: "late", version: "1", images: ["127.0.0.1:1/a/b:1"] });
  assert.deepEqual([status, failure?.code], [503, "REGISTRY_UNAVAILABLE"]);
});

test("a suspected image that its registry does not have is told, and stays suspected", async () => {
  const suspect = `apiVersion: v1\nkind: Widget\nmetadata: { name: w }\nspec: { image: "${HOST}/demo/nothing" }\n`;
  const { reference } = await pushChart("suspect", { "templates/a.yaml": suspect });
  const harness = open();
  await harness.run(listImages, "dev.stowage.index.updated.v1", updated(reference));
  const [{ data }] = harness.published as [Listed];
  assert.deepEqual([data.images, data.suspected], [0, 1]);
  const told = harness.log.lines.find(({ fields }) => fields["presence"] === "missing");
  assert.deepEqual(told?.fields["image"], `${HOST}/demo/nothing:latest`);
});

test("the difference is that to the list before: of this version, else of the highest version below it", async () => {
  const harness = open();
  await push("moving", "1", "first");
  await push("app", "2");
  const release = (version: string, ...images: readonly string[]) => ({ name: "tide", version, images });
  const differenceOf = async (given: object, id?: string) => {
    const { reply } = await list(harness, given as Record<string, unknown>, id);
    return (reply as Listed).data.difference;
  };
  assert.equal(await differenceOf(release("1.9.0", at("app", "1"), at("moving", "1"))), undefined);
  assert.equal(await differenceOf(release("0.1.0", at("tool", "1"))), undefined);

  await push("moving", "1", "second");
  const next = release("1.10.0", at("app", "2"), at("moving", "1"), at("tool", "1"));
  const key = "releases/tide/1.10.0/images.difference.json";
  const changes = { key, against: "1.9.0", added: 1, removed: 0, changed: 1, moved: 1 };
  assert.deepEqual(await differenceOf(next, "same"), changes);
  // delivered again, it says the same
  assert.deepEqual(await differenceOf(next, "same"), changes);
  const { added, changed, moved } = JSON.parse(await textIn(harness, key));
  assert.deepEqual(added, [at("tool", "1")]);
  assert.deepEqual(changed, [{ repository: `${HOST}/demo/app`, from: ["1"], to: ["2"] }]);
  assert.equal(moved[0].image, at("moving", "1"));

  const less = release("1.10.0", at("app", "2"), at("moving", "1"));
  const fewer = { key, against: "1.10.0", added: 0, removed: 1, changed: 0, moved: 0 };
  assert.deepEqual(await differenceOf(less), fewer);
  assert.deepEqual(await differenceOf(less), fewer);
});

test("a damaged lock is told of and made anew", async () => {
  const harness = open();
  const release = { name: "rust", version: "1.0.0", images: [at("app", "1")] };
  const { reply } = await list(harness, release);
  const key = (reply as Listed).data.lock!;
  const good = await textIn(harness, key);
  await (await harness.store()).put(key, good.slice(5));
  assert.equal((await list(harness, release)).reply?.type, "dev.stowage.images.listed.v1");
  assert.equal(await textIn(harness, key), good);
  assert.ok(harness.log.lines.some(({ level, fields }) => level === "warn" && fields["key"] === key));
});

test("a description that is none is refused with every problem", async () => {
  const { status, failure } = await list(open(), { name: "x", rules: { include: [{ image: "a" }] }, colour: 1 });
  assert.equal(status, 422);
  for (const part of ["version", "colour", "include"]) assert.match(failure!.message, new RegExp(part));
});
