import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { parse } from "yaml";
import { decode, type WireEvent } from "../../lib/events/index.ts";
import { buildImage, buildIndex, buildLayer, openLayout } from "../../lib/oci/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { openHelm } from "../real/helm.ts";
import { stowage } from "./harness.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-cli-"));
const registry = await startEmbeddedRegistry();
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});
const layer = await buildLayer([{ path: "content", content: "hello" }]);
await registry.push("demo/hello", "1", buildIndex([buildImage({ platform: "linux/amd64", layers: [layer] })]));
const chart = await writeChart(
  work,
  { name: "web", version: "0.1.0" },
  {
    "templates/pod.yaml": podOf("nginx:1.27", "quay.io/release/a:1"),
    "templates/extra.yaml": `{{ if .Values.extra }}${podOf("extra:1")}{{ end }}`,
    "templates/test.yaml": podOf("tester:1").replace(
      "metadata: { name: p }",
      'metadata: { name: t, annotations: { "helm.sh/hook": test } }',
    ),
  },
);

test("images prints one normalised reference a line", async () => {
  const { status, stdout, stderr } = await stowage(["images", chart]);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.equal(stdout, "docker.io/library/nginx:1.27\nquay.io/release/a:1\n");
});

test("images takes values as helm does, test hooks only when asked, and strips registries", async () => {
  const values = join(work, "values.yaml");
  await writeFile(values, "extra: true\n");
  const { stdout } = await stowage(["images", chart, "--values", values, "--tests", "--strip-registry"]);
  assert.equal(stdout, "library/extra:1\nlibrary/nginx:1.27\nlibrary/tester:1\nrelease/a:1\n");
  assert.match((await stowage(["images", chart, "--set", "extra=yes"])).stdout, /extra:1/);
});

test("images --format json says why each image is there", async () => {
  const { images, unresolved } = JSON.parse((await stowage(["images", chart, "--format", "json"])).stdout);
  assert.deepEqual(unresolved, []);
  assert.equal(images[0].image, "docker.io/library/nginx:1.27");
  assert.deepEqual(images[0].reasons[0], {
    chart: "web",
    version: "0.1.0",
    subchart: "",
    template: "templates/pod.yaml",
    object: "Pod/p",
    path: "spec.containers[0].image",
    rule: "pod-spec",
    raw: "nginx:1.27",
    switches: [],
    condition: null,
  });
});

test("images reads charts from archives and registries alike", async () => {
  await using helm = await openHelm();
  await helm.run("package", chart, "--destination", work);
  const file = join(work, "web-0.1.0.tgz");
  await registry.push(
    "charts/web",
    "0.1.0",
    chartArtifact({ name: "web", version: "0.1.0" }, { archive: await readFile(file) }),
  );
  const expected = (await stowage(["images", chart])).stdout;
  for (const place of [file, `oci://${registry.host}/charts/web:0.1.0`, `docker://${registry.host}/charts/web:0.1.0`]) {
    assert.equal((await stowage(["images", place])).stdout, expected, place);
  }
});

test("a chart that does not render is status 1, named with the reason; the others are listed", async () => {
  const broken = await writeChart(
    work,
    { name: "broken", version: "1.0.0" },
    { "templates/a.yaml": '{{ fail "no" }}' },
  );
  const { status, stdout, stderr } = await stowage(["images", chart, broken]);
  assert.equal(status, 1);
  assert.match(stdout, /nginx/);
  assert.match(stderr, /may be incomplete: broken-1\.0\.0: .*no/);
});

test("images --manifests reads files and directories", async () => {
  const directory = join(work, "manifests", "deep");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "a.yaml"), podOf("a:1"));
  await writeFile(join(directory, "b.json"), JSON.stringify(parse(podOf("b:1"))));
  await writeFile(join(directory, "c.txt"), podOf("c:1"));
  assert.equal(
    (await stowage(["images", "--manifests", join(work, "manifests")])).stdout,
    "docker.io/library/a:1\ndocker.io/library/b:1\n",
  );
  assert.equal((await stowage(["images", "--manifests", "/nowhere"])).status, 1);
});

test("copy moves an image from a registry to a layout and back, and nothing twice", async () => {
  const layout = `oci:${join(work, "layout")}:1`;
  const first = JSON.parse((await stowage(["copy", `docker://${registry.host}/demo/hello:1`, layout])).stdout);
  assert.equal(first.blobs.moved, 2);
  const again = JSON.parse((await stowage(["copy", `docker://${registry.host}/demo/hello:1`, layout])).stdout);
  assert.equal(again.blobs.moved, 0);
  assert.equal((await stowage(["copy", layout, `docker://${registry.host}/copied/hello`])).status, 0);
  assert.equal((await registry.tree.repository("copied/hello").resolve("1")).digest, first.descriptor.digest);
  assert.ok(await openLayout(join(work, "layout")));
});

test("copy of what is not there is status 1 and says what", async () => {
  const { status, stderr } = await stowage([
    "copy",
    `docker://${registry.host}/demo/hello:9`,
    `oci:${join(work, "none")}:1`,
  ]);
  assert.equal(status, 1);
  assert.match(stderr, /^stowage copy: Cannot resolve "9" in .*demo\/hello.* \(CONTENT_UNKNOWN\)\n$/);
});

test("index prints the index of a registry's charts, below a prefix, or writes it to a file", async () => {
  await registry.push("other/lantern", "1.0.0", chartArtifact({ name: "lantern", version: "1.0.0" }));
  await registry.push("other-not/beacon", "1.0.0", chartArtifact({ name: "beacon", version: "1.0.0" }));
  const { status, stdout } = await stowage(["index", `docker://${registry.host}/other`]);
  assert.equal(status, 0);
  assert.deepEqual(Object.keys(parse(stdout).entries), ["lantern"]);
  const out = join(work, "index.yaml");
  await stowage(["index", `docker://${registry.host}/other`, "--out", out]);
  assert.equal(await readFile(out, "utf8"), stdout);
});

test("index leaves a broken chart out, names it, and is status 1", async () => {
  await registry.push("bad/x", "1.0.0", chartArtifact({ name: "x", version: "1.0.0" }, { config: Buffer.from("{") }));
  const { status, stdout, stderr } = await stowage(["index", `docker://${registry.host}/bad`]);
  assert.deepEqual([status, parse(stdout).entries], [1, {}]);
  assert.match(stderr, /left out bad\/x:1\.0\.0/);
});

test("bundle builds into a store and verify checks what is there", async () => {
  const release = join(work, "release.yaml");
  await writeFile(release, `name: harbour\nversion: 1.0.0\nimages: ["${registry.host}/demo/hello:1"]\n`);
  const to = `file:${join(work, "bundles")}`;
  const { status, stdout } = await stowage(["bundle", release, "--to", to, "--data", join(work, "data")]);
  assert.equal(status, 0);
  const built = JSON.parse(stdout);
  assert.deepEqual(Object.keys(built).sort(), [
    "copied",
    "images",
    "key",
    "moved",
    "reused",
    "seconds",
    "sha256",
    "size",
  ]);
  for (const place of [join(work, "bundles", built.key), `${to}/${built.key}`]) {
    const verified = JSON.parse((await stowage(["verify", place])).stdout);
    assert.deepEqual([verified.ok, verified.images], [true, [`${registry.host}/demo/hello:1`]]);
  }
  const bytes = await readFile(join(work, "bundles", built.key));
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(join(work, "damaged.tar.gz"), bytes);
  const damaged = await stowage(["verify", join(work, "damaged.tar.gz")]);
  assert.deepEqual([damaged.status, JSON.parse(damaged.stdout).ok], [1, false]);
  assert.notEqual(damaged.stderr, "");
});

test("bundle splits, signs and makes deltas; verify reads them all", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const [secret, open] = [join(work, "key.pem"), join(work, "key.pub")];
  await writeFile(secret, privateKey.export({ type: "pkcs8", format: "pem" }));
  await writeFile(open, publicKey.export({ type: "spki", format: "pem" }));
  const store = join(work, "kinds");
  const image = `${registry.host}/demo/hello:1`;
  for (const version of ["1.0.0", "1.1.0"]) {
    const release = [
      `name: harbour`,
      `version: ${version}`,
      `images: ["${image}"]`,
      `files: [{path: notes, from: notes.txt}]`,
      `to: "file:${store}"`,
    ];
    await writeFile(join(work, `harbour-${version}.yaml`), release.join("\n"));
  }
  await writeFile(join(work, "notes.txt"), "beside the description");
  const bundle = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await stowage([
      "bundle",
      ...args,
      "--key",
      secret,
      "--data",
      join(work, "data"),
    ]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout).key as string;
  };
  const verified = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await stowage(["verify", ...args, "--key", open]);
    return { status, stderr, ...JSON.parse(stdout) };
  };
  const old = join(store, await bundle(join(work, "harbour-1.0.0.yaml"), "--split", "1MiB"));
  const delta = join(store, await bundle(join(work, "harbour-1.1.0.yaml"), "--base", `file:${old}`));
  assert.deepEqual((await verified(old)).images, [image]);
  assert.deepEqual((await verified(`${old}.001`)).problems, []);
  const alone = await verified(delta);
  assert.deepEqual([alone.status, alone.base], [0, "harbour-1.0.0"]);
  assert.match(alone.stderr, /--base harbour-1\.0\.0/);
  const both = await verified(delta, "--base", old);
  assert.deepEqual([both.status, both.problems], [0, []]);
  assert.equal((await stowage(["verify", join(work, "nothing.tar.gz")])).status, 2);
  const config = join(work, "signing.yaml");
  await writeFile(config, JSON.stringify({ bundles: { signingKey: { file: secret } } }));
  const last = join(work, "harbour-1.1.0.yaml");
  const configured = await stowage(["bundle", last, "--config", config, "--data", join(work, "data")]);
  assert.equal((await verified(join(store, JSON.parse(configured.stdout).key))).status, 0);
  assert.equal((await stowage(["bundle", join(work, "harbour-1.0.0.yaml"), "--split", "a lot"])).status, 1);
});

test("a release description with problems is status 1 and names all of them", async () => {
  const release = join(work, "bad.yaml");
  for (const [text, reason] of [
    ["name: a b\nextra: 1\n", /name.*version.*extra/],
    ["a: [", /Cannot read release description/],
    ["name: a\nname: b\n", /unique/],
  ] as const) {
    await writeFile(release, text);
    const { status, stderr } = await stowage(["bundle", release]);
    assert.equal(status, 1);
    assert.match(stderr, reason);
  }
});

test("send posts one event and prints its id", async () => {
  const received: WireEvent[] = [];
  const server = createServer(async (request, response) => {
    received.push(...decode({ headers: request.headers, body: await buffer(request) }));
    response.writeHead(202).end();
  }).listen(0, "127.0.0.1");
  const to = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const args = [
      "send",
      "com.example.x.v1",
      "--to",
      to(),
      "--subject",
      "é n/1",
      "--source",
      "/me",
      "--id",
      "7",
      "--ext",
      "task=a=b",
    ];
    const sent = await stowage([...args, "--data", '{"a":[1]}']);
    assert.deepEqual([sent.status, sent.stdout, sent.stderr], [0, "7\n", ""]);
    await stowage(["send", "com.example.y.v1", "--to", to(), "--data", "-"], { stdin: "[true]" });
    const [first, second] = received;
    assert.deepEqual(
      [first?.id, first?.source, first?.type, first?.subject, first?.extensions, first?.data],
      ["7", "/me", "com.example.x.v1", "é n/1", { task: "a=b" }, { a: [1] }],
    );
    assert.deepEqual(second?.data, [true]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("send to nobody is status 1 and says why", async () => {
  const { status, stderr } = await stowage(["send", "a.b", "--to", "http://127.0.0.1:1/"]);
  assert.equal(status, 1);
  assert.match(stderr, /EVENT_UNDELIVERED/);
});

test("run runs one function on one event and prints what comes of it", async () => {
  const data = join(work, "run");
  const config = join(work, "stowage.yaml");
  await writeFile(config, `registries: [{ host: registry.example.com, endpoint: "http://${registry.host}" }]\n`);
  await registry.push("run/lantern", "1.0.0", chartArtifact({ name: "lantern", version: "1.0.0" }));
  const event = {
    specversion: "1.0",
    id: "1",
    source: "/me",
    type: "dev.stowage.artifact.pushed.v1",
    data: { registry: "registry.example.com", repository: "run/lantern", tag: "1.0.0", artifactKind: "chart" },
  };
  const run = (given: unknown, name = "index-charts") =>
    stowage(["run", name, "--event", "-", "--data", data, "--config", config], {
      stdin: typeof given === "string" ? given : JSON.stringify(given),
    });
  const { status, stdout } = await run(event);
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).type, "dev.stowage.index.updated.v1");
  assert.match(
    await readFile(join(data, "store", "index", "whole", "texts", "000000000001", "index.yaml"), "utf8"),
    /lantern/,
  );

  assert.match((await run("{")).stderr, /EVENT_MALFORMED/);
  assert.match((await run({ ...event, id: undefined })).stderr, /EVENT_MALFORMED/);
  assert.match((await run({ ...event, data: {} })).stderr, /EVENT_INVALID/);
  assert.match((await run(event, "list-images")).stderr, /EVENT_MISROUTED/);
  assert.match((await run({ ...event, type: "a.b" })).stderr, /EVENT_UNKNOWN/);
});
