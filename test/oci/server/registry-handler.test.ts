import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { test } from "node:test";
import { blobPath, repositoryPaths } from "../../../lib/oci/tree-paths.ts";
import { imageFixture } from "../../contracts/image-fixture.ts";
import { serve } from "./serving.ts";

const image = imageFixture("image");
const { digest } = image.manifest.descriptor;

test("it says that it is a registry", async () => {
  await using registry = await serve();
  for (const path of ["/v2/", "/v2", "/v2/?x=y"]) {
    const { status, headers, body } = await registry.send("GET", path);
    assert.deepEqual([status, body.toString()], [200, "{}"]);
    assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
  }
});

test("a path that is none of the registry's is not found", async () => {
  await using registry = await serve();
  for (const path of ["/", "/v1/", "/v2/a", "/v2/a/b/tags", "/v2/a/b/blobs/", "/v2/a/b/manifests/", "/v3/", "//v2/"]) {
    assert.equal((await registry.send("GET", path)).status, 404, path);
  }
});

test("a method a path does not have is refused, and those it has are named", async () => {
  await using registry = await serve();
  const allowed: Readonly<Record<string, readonly [string, string]>> = {
    "/v2/": ["POST", "HEAD, GET"],
    "/v2/_catalog": ["DELETE", "HEAD, GET"],
    "/v2/a/tags/list": ["PUT", "HEAD, GET"],
    "/v2/a/manifests/v1": ["POST", "HEAD, GET, PUT, DELETE"],
    [`/v2/a/blobs/${digest}`]: ["PUT", "HEAD, GET, DELETE"],
    "/v2/a/blobs/uploads/": ["GET", "POST"],
    "/v2/a/blobs/uploads/x": ["POST", "HEAD, GET, PATCH, PUT, DELETE"],
    [`/v2/a/referrers/${digest}`]: ["DELETE", "HEAD, GET"],
  };
  for (const [path, [method, allow]] of Object.entries(allowed)) {
    const { status, headers, codes } = await registry.send(method, path);
    assert.deepEqual([status, headers.allow, codes], [405, allow, ["UNSUPPORTED"]], path);
  }
});

test("no trick in a path leads out of the registry", async () => {
  await using registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  for (const name of [
    "a/../a/b",
    "../a/b",
    "a/./b",
    "a/%2e%2e/a/b",
    "a%2fb",
    "a%2Fb",
    "A/b",
    "a//b",
    "/a/b",
    "a/b/",
    "a/_layers/b",
    "_uploads",
    "a\\b",
    "a%00b",
    "a/b%0a",
    `${"a/".repeat(200)}b`,
  ]) {
    for (const rest of ["manifests/v1", `blobs/${digest}`, "tags/list", `referrers/${digest}`]) {
      const { status, codes } = await registry.send("GET", `/v2/${name}/${rest}`);
      assert.deepEqual([status, codes], [400, ["NAME_INVALID"]], `${name}/${rest}`);
    }
    assert.equal((await registry.send("POST", `/v2/${name}/blobs/uploads/`)).status, 400, name);
  }
});

test("a repository may be called like a part of the paths", async () => {
  await using registry = await serve();
  for (const name of ["manifests", "a/blobs", "a/blobs/uploads", "tags/list", "v2/blobs/uploads", "referrers/tags"]) {
    await registry.push(name, image.pieces, "list");
    assert.deepEqual((await registry.send("GET", `/v2/${name}/manifests/list`)).body, image.manifest.bytes, name);
    assert.equal((await registry.send("GET", `/v2/${name}/tags/list`)).status, 200, name);
    const { descriptor, bytes } = image.layers[0]!;
    assert.deepEqual((await registry.send("GET", `/v2/${name}/blobs/${descriptor.digest}`)).body, bytes, name);
  }
});

test("an error has the form of the specification", async () => {
  await using registry = await serve();
  const { headers, body } = await registry.send("GET", "/v2/a/b/manifests/v1");
  assert.equal(headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(body.toString()), {
    errors: [{ code: "MANIFEST_UNKNOWN", message: 'Cannot find "v1" in "a/b"' }],
  });
});

const loggedOnce = (error: unknown) => error instanceof AggregateError && error.errors.length === 1;

test("a damaged tree is the server's fault, is logged, and is not told to the client", async () => {
  const registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  await writeFile(repositoryPaths(registry.root, "a/b").current("v1"), `${digest}\n`);
  const { status, body } = await registry.send("GET", "/v2/a/b/manifests/v1");
  assert.equal(status, 500);
  assert.doesNotMatch(body.toString(), new RegExp(registry.root));
  await assert.rejects(registry[Symbol.asyncDispose](), loggedOnce);
});

test("a manifest whose bytes have changed on disk is not given", async () => {
  const registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  const changed = Buffer.from(image.manifest.bytes).toString().replace('"size":1000', '"size":1001');
  await writeFile(blobPath(registry.root, digest), changed);
  assert.equal((await registry.send("GET", "/v2/a/b/manifests/v1")).status, 500);
  await assert.rejects(registry[Symbol.asyncDispose](), loggedOnce);
});

test("a refused body does not spoil the next request of the connection", async () => {
  await using registry = await serve();
  const socket = connect(Number(registry.host.split(":")[1]), "127.0.0.1");
  const body = "x".repeat(100_000);
  socket.write(`PUT /v2/A/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  socket.end("GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const received: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  await once(socket, "close");
  const statuses = Buffer.concat(received)
    .toString()
    .match(/HTTP\/1\.1 \d+/g);
  assert.deepEqual(statuses, ["HTTP/1.1 400", "HTTP/1.1 200"]);
});

test("a refused body that is too large to be read away ends the connection", async () => {
  await using registry = await serve();
  const socket = connect(Number(registry.host.split(":")[1]), "127.0.0.1");
  socket.write("PUT /v2/A/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
  const received: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  await once(socket, "close");
  assert.match(Buffer.concat(received).toString(), /^HTTP\/1\.1 400.*\r\nconnection: close\r\n/is);
});
