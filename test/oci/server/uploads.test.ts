import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { digestOf } from "../../../lib/oci/descriptor.ts";
import { layerPiece } from "../../contracts/image-fixture.ts";
import { eventually, type Reply, type Served, sendTo, serve } from "./serving.ts";

const blob = layerPiece("blob", 100_000);
const { digest } = blob.descriptor;
const blobPath = `/v2/a/b/blobs/${digest}`;

async function start(registry: Pick<Served, "send">): Promise<string> {
  const { status, headers } = await registry.send("POST", "/v2/a/b/blobs/uploads/");
  assert.equal(status, 202);
  assert.equal(headers["range"], "0-0");
  return headers.location!;
}

const chunk = (start: number, end: number) => ({
  headers: { "content-range": `${start}-${end}` },
  body: blob.bytes.subarray(start, end + 1),
});
const outcome = ({ status, codes }: Reply) => [status, ...codes];

/** What of an upload lies on the server's disk. */
const uploadsOf = ({ root }: Served) => readdir(join(root, "docker/registry/v2/repositories/a/b/_uploads"));

test("a blob is pushed with POST and PUT", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const { status, headers } = await registry.send("PUT", `${location}?digest=${digest}`, { body: blob.bytes });
  assert.deepEqual([status, headers.location, headers["docker-content-digest"]], [201, blobPath, digest]);
  assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
  assert.deepEqual(await uploadsOf(registry), []);
});

test("a blob is pushed with one POST", async () => {
  await using registry = await serve();
  const reply = await registry.send("POST", `/v2/a/b/blobs/uploads/?digest=${digest}`, { body: blob.bytes });
  assert.deepEqual([reply.status, reply.headers.location], [201, blobPath]);
  assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
});

test("a blob is streamed as docker does: PATCH without range or length, then an empty PUT", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const sent = request(`http://${registry.host}${location}`, { method: "PATCH", agent: false });
  for (let at = 0; at < blob.bytes.byteLength; at += 10_000) {
    sent.write(blob.bytes.subarray(at, at + 10_000));
    await new Promise(setImmediate);
  }
  sent.end();
  const [answered] = await once(sent, "response");
  assert.deepEqual([answered.statusCode, answered.headers.range], [202, "0-99999"]);
  assert.equal((await registry.send("PUT", `${location}?digest=${digest}`)).status, 201);
  assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
});

test("a blob is pushed in chunks, the last with the PUT", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const first = await registry.send("PATCH", location, chunk(0, 39_999));
  assert.deepEqual([first.status, first.headers["range"]], [202, "0-39999"]);
  const second = await registry.send("PATCH", first.headers.location!, chunk(40_000, 69_999));
  assert.equal(second.headers["range"], "0-69999");
  const third = await registry.send("PUT", `${second.headers.location}?digest=${digest}`, chunk(70_000, 99_999));
  assert.equal(third.status, 201);
  assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
});

test("a chunk that does not follow the last is refused, and the upload goes on from where it was", async () => {
  await using registry = await serve();
  const location = await start(registry);
  assert.deepEqual(outcome(await registry.send("PATCH", location, chunk(10, 19))), [416, "BLOB_UPLOAD_INVALID"]);
  await registry.send("PATCH", location, chunk(0, 49_999));
  for (const wrong of [chunk(0, 49_999), chunk(49_999, 59_999), chunk(50_001, 59_999)]) {
    const refused = await registry.send("PATCH", location, wrong);
    assert.deepEqual([...outcome(refused), refused.headers["range"]], [416, "BLOB_UPLOAD_INVALID", "0-49999"]);
    assert.equal((await registry.send("PUT", `${location}?digest=${digest}`, wrong)).status, 416);
  }
  const status = await registry.send("GET", location);
  assert.deepEqual([status.status, status.headers["range"], status.headers.location], [204, "0-49999", location]);
  assert.equal((await registry.send("PATCH", location, chunk(50_000, 99_999))).status, 202);
  assert.equal((await registry.send("PUT", `${location}?digest=${digest}`)).status, 201);
});

test("a chunk whose range is malformed or another than its length is refused", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const patch = async (range: string) =>
    outcome(await registry.send("PATCH", location, { headers: { "content-range": range }, body: "0123456789" }));
  assert.deepEqual(await patch("bytes 0-9/10"), [400, "BLOB_UPLOAD_INVALID"]);
  assert.deepEqual(await patch("9-0"), [400, "BLOB_UPLOAD_INVALID"]);
  assert.deepEqual(await patch("0-8"), [400, "SIZE_INVALID"]);
  assert.deepEqual(await patch("0-10"), [400, "SIZE_INVALID"]);
  assert.deepEqual(await patch("0-9"), [202]);
});

test("bytes of another digest are refused and forgotten", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const wrong = digestOf("something else");
  assert.deepEqual(outcome(await registry.send("PUT", `${location}?digest=${wrong}`, { body: blob.bytes })), [
    400,
    "DIGEST_INVALID",
  ]);
  for (const path of [blobPath, `/v2/a/b/blobs/${wrong}`]) {
    assert.equal((await registry.send("GET", path)).status, 404);
  }
  assert.deepEqual(outcome(await registry.send("GET", location)), [404, "BLOB_UPLOAD_UNKNOWN"]);
  const single = await registry.send("POST", `/v2/a/b/blobs/uploads/?digest=${wrong}`, { body: blob.bytes });
  assert.deepEqual(outcome(single), [400, "DIGEST_INVALID"]);
  assert.deepEqual(await uploadsOf(registry), []);
});

test("an upload without a digest, or with one that cannot be, is refused and can be finished still", async () => {
  await using registry = await serve();
  const location = await start(registry);
  await registry.send("PATCH", location, { body: blob.bytes });
  for (const query of ["", "?digest=", "?digest=sha256:1", `?digest=sha512:${"0".repeat(128)}`]) {
    assert.deepEqual(outcome(await registry.send("PUT", location + query)), [400, "DIGEST_INVALID"], query);
  }
  assert.equal((await registry.send("PUT", `${location}?digest=${encodeURIComponent(digest)}`)).status, 201);
});

test("a cancelled upload is gone", async () => {
  await using registry = await serve();
  const location = await start(registry);
  await registry.send("PATCH", location, chunk(0, 999));
  assert.equal((await registry.send("DELETE", location)).status, 204);
  for (const method of ["GET", "PATCH", "DELETE"]) {
    assert.deepEqual(outcome(await registry.send(method, location)), [404, "BLOB_UPLOAD_UNKNOWN"], method);
  }
  assert.deepEqual(outcome(await registry.send("PUT", `${location}?digest=${digest}`)), [404, "BLOB_UPLOAD_UNKNOWN"]);
});

test("an upload is known in its own repository only, and by nothing but its id", async () => {
  await using registry = await serve();
  const location = await start(registry);
  await registry.push("a/c", [blob]);
  const id = location.split("/").at(-1)!;
  for (const path of [
    `/v2/a/c/blobs/uploads/${id}`,
    "/v2/a/b/blobs/uploads/x",
    "/v2/a/b/blobs/uploads/%2e%2e%2f_layers",
  ]) {
    assert.deepEqual(outcome(await registry.send("GET", path)), [404, "BLOB_UPLOAD_UNKNOWN"], path);
  }
});

test("a blob is mounted from a repository that holds it", async () => {
  await using registry = await serve();
  await registry.push("a/c", [blob]);
  const mount = (query: string) => registry.send("POST", `/v2/a/b/blobs/uploads/?mount=${digest}${query}`);
  const mounted = await mount("&from=a/c");
  assert.deepEqual([mounted.status, mounted.headers.location], [201, blobPath]);
  assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
});

test("what cannot be mounted becomes an upload", async () => {
  await using registry = await serve();
  await registry.push("a/c", [blob]);
  const other = digestOf("other");
  for (const query of [
    `mount=${digest}`,
    `mount=${digest}&from=a/d`,
    `mount=${digest}&from=../a/c`,
    `mount=${other}&from=a/c`,
    "mount=latest&from=a/c",
  ]) {
    const { status, headers } = await registry.send("POST", `/v2/a/b/blobs/uploads/?${query}`);
    assert.equal(status, 202, query);
    assert.match(headers.location!, /^\/v2\/a\/b\/blobs\/uploads\//);
  }
  assert.equal((await registry.send("GET", blobPath)).status, 404);
});

test("a blob larger than the limit is refused, announced or not, and nothing stays of it", async () => {
  await using registry = await serve({ limits: { blobSize: 99_999 } });
  const put = await registry.send("PUT", `${await start(registry)}?digest=${digest}`, { body: blob.bytes });
  assert.deepEqual(outcome(put), [413, "SIZE_INVALID"]);

  const location = await start(registry);
  await registry.send("PATCH", location, chunk(0, 49_999));
  const headers = { "transfer-encoding": "chunked" };
  const streamed = await registry.send("PATCH", location, { headers, body: blob.bytes.subarray(50_000) });
  assert.deepEqual(outcome(streamed), [413, "SIZE_INVALID"]);
  assert.deepEqual(await uploadsOf(registry), []);
});

test("a client that goes away leaves nothing to be seen, and goes on where it ended", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const received = async () => Number((await registry.send("GET", location)).headers["range"]?.split("-")[1]) + 1;
  await abandon(registry, "PUT", `${location}?digest=${digest}`, async () => (await received()) > 1);
  // the server has to notice first; until then the upload is in the other request's hands
  await eventually(async () => (await registry.send("PATCH", location)).status === 202);
  assert.equal((await registry.send("GET", blobPath)).status, 404);
  assert.equal((await registry.send("PATCH", location, chunk(await received(), 99_999))).status, 202);
  assert.equal((await registry.send("PUT", `${location}?digest=${digest}`)).status, 201);
  assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
});

test("a client that goes away during its one POST leaves nothing", async () => {
  await using registry = await serve();
  await start(registry);
  const path = `/v2/a/b/blobs/uploads/?digest=${digest}`;
  await abandon(registry, "POST", path, async () => (await uploadsOf(registry)).length === 2);
  await eventually(async () => (await uploadsOf(registry)).length === 1);
});

/** Announce the whole blob, send a part, and cut the connection once the server has it. */
async function abandon({ host }: Served, method: string, path: string, arrived: () => Promise<boolean>) {
  const headers = { "content-length": blob.bytes.byteLength };
  const sent = request(`http://${host}${path}`, { method, headers, agent: false });
  const cut = once(sent, "error");
  sent.write(blob.bytes.subarray(0, 60_000));
  await eventually(arrived);
  sent.destroy();
  await cut;
}

test("an upload on which nothing moves loses its connection", async () => {
  await using registry = await serve({ limits: { idle: 50 } });
  const location = await start(registry);
  const headers = { "content-length": 100 };
  const sent = request(`http://${registry.host}${location}`, { method: "PATCH", headers, agent: false });
  sent.write("0123456789");
  const [error] = await once(sent, "error");
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
});

test("only one request at a time goes on with an upload", async () => {
  await using registry = await serve();
  const location = await start(registry);
  const first = request(`http://${registry.host}${location}`, { method: "PATCH", agent: false });
  first.write(blob.bytes.subarray(0, 50_000));
  await eventually(async () => (await registry.send("GET", location)).headers["range"] !== "0-0");
  const second = await registry.send("PATCH", location, { body: "x" });
  assert.deepEqual([...outcome(second), second.headers["retry-after"]], [503, "UNAVAILABLE", "1"]);
  first.end(blob.bytes.subarray(50_000));
  await once(first, "response");
  assert.equal((await registry.send("PUT", `${location}?digest=${digest}`)).status, 201);
});

test("an upload outlives a server that is killed in the middle of it", async () => {
  const root = await mkdtemp(join(tmpdir(), "stowage-killed-"));
  try {
    const child = await serveInProcess(root);
    const location = (await sendTo(child.host, "POST", "/v2/a/b/blobs/uploads/")).headers.location!;
    assert.equal((await sendTo(child.host, "PATCH", location, chunk(0, 29_999))).status, 202);
    const sent = request(`http://${child.host}${location}`, { method: "PATCH", agent: false });
    const broken = once(sent, "error");
    sent.write(blob.bytes.subarray(30_000, 60_000));
    await eventually(async () => (await sendTo(child.host, "GET", location)).headers["range"] === "0-59999");
    await child.kill();
    await broken;

    await using registry = await serve({ root });
    assert.equal((await registry.send("GET", blobPath)).status, 404);
    assert.equal((await registry.send("GET", "/v2/a/b/tags/list")).status, 404);
    assert.equal((await registry.send("GET", location)).headers["range"], "0-59999");
    assert.equal((await registry.send("PATCH", location, chunk(60_000, 99_999))).status, 202);
    assert.equal((await registry.send("PUT", `${location}?digest=${digest}`)).status, 201);
    assert.deepEqual((await registry.send("GET", blobPath)).body, blob.bytes);
  } finally {
    await rm(root, { recursive: true });
  }
});

/** The registry in a process of its own, so that it can be killed. */
async function serveInProcess(root: string) {
  const module = JSON.stringify(new URL("serving.ts", import.meta.url).href);
  const program = `const { serve } = await import(${module}); console.log((await serve({ root: process.argv[1] })).host)`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, root], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [host] = (await once(createInterface(child.stdout), "line")) as [string];
  return {
    host,
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
