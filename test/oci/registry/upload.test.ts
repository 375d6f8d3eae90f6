import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { TransientError } from "../../../lib/errors.ts";
import type { Bytes } from "../../../lib/oci/content.ts";
import { mediaTypes } from "../../../lib/oci/descriptor.ts";
import { inChunks, layerPiece, noise } from "../../contracts/image-fixture.ts";
import { type FakeRegistryOptions, refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { auth, openForTest } from "./opened-registry.ts";

const { descriptor, bytes } = layerPiece("upload", 200_000);

async function openEmpty(options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry(options);
  const opened = await openForTest({ [fake.host]: auth("user", "secret") });
  let opens = 0;
  const target = opened.registries.repository(fake.host, "to/here");
  return {
    fake,
    waits: opened.waits,
    opens: () => opens,
    put: (from?: string) =>
      target.put(
        descriptor,
        async () => {
          opens += 1;
          return inChunks(bytes, 30_000);
        },
        { from },
      ),
    methods: () => fake.requests.map(({ method }) => method),
    held: () => fake.repository("to/here").blobs.get(descriptor.digest),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

test("a blob goes up by POST and one PUT with its length", async () => {
  await using place = await openEmpty();
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.methods(), ["HEAD", "POST", "PUT"]);
  const { headers } = place.fake.requests[2]!;
  assert.equal(headers["content-length"], "200000");
  assert.equal(headers["transfer-encoding"], undefined);
  assert.deepEqual(place.held(), Buffer.from(bytes));
});

test("a Location may be absolute, by the address or by the name of the registry", async () => {
  for (const origin of ["http://127.0.0.1", "https://reg.example"]) {
    await using place = await openEmpty();
    await using named = await openForTest({}, [{ host: "reg.example", endpoint: place.fake.url }]);
    place.fake.misbehave("POST", async (_, response, proceed) => {
      const writeHead = response.writeHead.bind(response);
      response.writeHead = ((status: number, headers: { location: string }) =>
        writeHead(status, {
          location: `${origin === "http://127.0.0.1" ? place.fake.url : origin}${headers.location}`,
        })) as typeof response.writeHead;
      await proceed();
    });
    const target = named.registries.repository("reg.example", "to/here");
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
    assert.deepEqual(place.held(), Buffer.from(bytes));
  }
});

test("an upload that another host takes is sent there without credentials", async () => {
  await using storage = await startFakeRegistry();
  storage.misbehave("PUT", async (request, response) => {
    for await (const _ of request);
    response.writeHead(201).end();
  });
  await using place = await openEmpty({ auth: "basic", users: { user: "secret" } });
  place.fake.misbehave("POST", (_, response) =>
    response.writeHead(202, { location: `${storage.url}/upload?x=1` }).end(),
  );
  assert.equal(await place.put(), "written");
  const [request] = storage.requests;
  assert.equal(request?.path, `/upload?x=1&digest=${encodeURIComponent(descriptor.digest)}`);
  assert.equal(request?.headers["authorization"], undefined);
});

test("no usable Location is a refusal", async () => {
  for (const location of [undefined, "http://", "ftp://127.0.0.1/x"]) {
    await using place = await openEmpty();
    place.fake.misbehave("POST", (_, response) => response.writeHead(202, location ? { location } : {}).end());
    await assert.rejects(place.put(), { code: "REGISTRY_REFUSED" }, location ?? "none");
  }
});

test("what another repository holds is mounted, with a token for both", async () => {
  await using place = await openEmpty({ auth: "bearer", users: { user: "secret" } });
  place.fake.repository("from/there").blobs.set(descriptor.digest, Buffer.from(bytes));
  assert.equal(await place.put("from/there"), "mounted");
  assert.equal(place.opens(), 0);
  const { path } = place.fake.requests.findLast(({ path }) => path.startsWith("/token"))!;
  assert.deepEqual(new URLSearchParams(path.split("?")[1]).getAll("scope"), [
    "repository:to/here:pull,push",
    "repository:from/there:pull",
  ]);
});

test("a mount that turned into an upload is used as one", async () => {
  await using place = await openEmpty();
  assert.equal(await place.put("from/there"), "written");
  assert.deepEqual(place.methods(), ["POST", "HEAD", "PUT"]);
});

test("a mount that turned into an upload is given up when the blob is here already", async () => {
  await using place = await openEmpty();
  place.fake.repository("to/here").blobs.set(descriptor.digest, Buffer.from(bytes));
  assert.equal(await place.put("from/there"), "present");
  assert.deepEqual(place.methods(), ["POST", "HEAD", "DELETE"]);
  // nor does it matter when the registry does not take that
  place.fake.misbehave("DELETE", (_, response) => refuse(response, 405, "UNSUPPORTED"));
  assert.equal(await place.put("from/there"), "present");
  assert.equal(place.opens(), 0);
});

test("an upload that a mount turned into is used only once", async () => {
  await using place = await openEmpty();
  place.fake.misbehave("PUT", (_, response) => response.writeHead(502).end());
  assert.equal(await place.put("from/there"), "written");
  assert.deepEqual(place.methods(), ["POST", "HEAD", "PUT", "POST", "PUT"]);
});

test("a mount that is refused becomes an upload, whatever the refusal", async () => {
  for (const status of [400, 401, 403, 404, 405]) {
    await using place = await openEmpty();
    place.fake.misbehave("mount=", (_, response) => refuse(response, status, "DENIED"));
    assert.equal(await place.put("from/there"), "written");
  }
});

test("a mount whose token is refused becomes an upload", async () => {
  await using place = await openEmpty({ auth: "bearer", users: { user: "secret" } });
  place.fake.misbehave("from%2Fthere", (_, response) => refuse(response, 403, "DENIED"));
  assert.equal(await place.put("from/there"), "written");
});

test("nothing is mounted from the repository itself", async () => {
  await using place = await openEmpty();
  await place.put("to/here");
  assert.ok(place.fake.requests.every(({ path }) => !path.includes("mount=")));
});

test("an upload that fails begins again, with a new POST and a newly opened source", async () => {
  await using place = await openEmpty();
  place.fake.misbehave("PUT", (_, response) => response.writeHead(502).end());
  place.fake.misbehave("PUT", (request) => request.socket.destroy());
  assert.equal(await place.put(), "written");
  assert.equal(place.opens(), 3);
  assert.equal(place.methods().filter((method) => method === "POST").length, 3);
  assert.equal(place.waits.length, 2);
  assert.deepEqual(place.held(), Buffer.from(bytes));
});

test("an upload that fails three times is left to the caller", async () => {
  await using place = await openEmpty();
  place.fake.misbehave("PUT", (_, response) => response.writeHead(503, { "retry-after": "2" }).end(), 9);
  await assert.rejects(place.put(), { code: "REGISTRY_UNAVAILABLE", retryAfter: 2 });
  assert.equal(place.opens(), 3);
});

test("a token that ends between POST and PUT is replaced, and the bytes are sent again", async () => {
  await using place = await openEmpty({ auth: "bearer", users: { user: "secret" } });
  place.fake.misbehave("PUT", async (_, __, proceed) => {
    place.fake.revokeTokens();
    await proceed();
  });
  assert.equal(await place.put(), "written");
  assert.deepEqual(
    place.methods().filter((method) => method !== "GET"),
    ["HEAD", "HEAD", "POST", "PUT", "PUT"],
  );
  assert.deepEqual(place.held(), Buffer.from(bytes));
});

test("a source that is unavailable is not tried again here, where its own adapter already has", async () => {
  await using place = await openEmpty();
  await using opened = await openForTest();
  const failure = new TransientError("REGISTRY_UNAVAILABLE", "Cannot read: the source is down");
  const target = opened.registries.repository(place.fake.host, "to/here");
  await assert.rejects(
    target.put(descriptor, () => Promise.reject(failure)),
    failure,
  );
  assert.deepEqual(opened.waits, []);
});

test("a refused upload is final", async () => {
  await using place = await openEmpty();
  place.fake.misbehave("PUT", (_, response) => refuse(response, 413, "SIZE_INVALID", "too large"));
  await assert.rejects(place.put(), { code: "REGISTRY_REFUSED", message: /413 \(SIZE_INVALID: too large\)/ });
  assert.deepEqual(place.waits, []);
});

test("a large blob is never held: its source is read only as the registry takes it", async () => {
  const block = noise("large", 256 * 1024);
  const blocks = 256;
  const size = block.byteLength * blocks;
  const hash = createHash("sha256");
  for (let number = 0; number < blocks; number++) hash.update(block);
  const large = { mediaType: mediaTypes.ociLayer, digest: `sha256:${hash.digest("hex")}`, size } as const;

  await using place = await openEmpty();
  let handedOut = 0;
  let received = 0;
  let most = 0;
  async function* source(): Bytes {
    for (let number = 0; number < blocks; number++) {
      handedOut += block.byteLength;
      yield block;
    }
  }
  place.fake.misbehave("PUT", async (request, response) => {
    for await (const chunk of request) {
      // everybody else gets the chance to run ahead
      await new Promise(setImmediate);
      most = Math.max(most, handedOut - received);
      received += (chunk as Buffer).byteLength;
    }
    response.writeHead(201).end();
  });
  await using opened = await openForTest();
  const target = opened.registries.repository(place.fake.host, "to/here");
  assert.equal(await target.put(large, async () => source()), "written");
  assert.equal(received, size);
  // what the kernel holds for a loopback connection is in this too
  assert.ok(most < 16 * 1024 * 1024, `${most} bytes were under way at once`);
});
