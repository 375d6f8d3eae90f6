import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError } from "../../../lib/errors.ts";
import type { RegistrySettings } from "../../../lib/oci/registry/endpoint.ts";
import { inChunks, layerPiece } from "../../contracts/image-fixture.ts";
import { type FakeRegistryOptions, refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { auth, openForTest } from "./opened-registry.ts";

const MIB = 1024 * 1024;
const small = layerPiece("small part", 25_000);
const large = layerPiece("large part", 2.5 * MIB);

/** An empty repository behind a fake, and what is asked of it. */
async function openEmpty(options: FakeRegistryOptions = {}, settings: Partial<RegistrySettings> = {}) {
  const fake = await startFakeRegistry(options);
  const opened = await openForTest({ [fake.host]: auth("user", "secret") }, [{ host: fake.host, ...settings }]);
  const target = opened.registries.repository(fake.host, "to/here");
  let opens = 0;
  return {
    fake,
    target,
    waits: opened.waits,
    opens: () => opens,
    put: ({ descriptor, bytes } = small) =>
      target.put(descriptor, async () => {
        opens += 1;
        return inChunks(bytes, 7000);
      }),
    /** Method, and the bytes of a blob it carried. */
    sent: () =>
      fake.requests.map(({ method, headers }) => [method, headers["content-range"]].filter(Boolean).join(" ")),
    held: ({ descriptor } = small) => fake.repository("to/here").blobs.get(descriptor.digest),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

test("what a request may not carry goes up in parts, the last of them with the PUT", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 10_000 });
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.sent(), ["HEAD", "POST", "PATCH 0-9999", "PATCH 10000-19999", "PUT 20000-24999"]);
  assert.deepEqual(place.held(), Buffer.from(small.bytes));
});

test("what it may carry goes up whole", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 25_000 });
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.sent(), ["HEAD", "POST", "PUT"]);
});

test("a blob of just so many parts has no empty one at its end", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 12_500 });
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.sent(), ["HEAD", "POST", "PATCH 0-12499", "PUT 12500-24999"]);
});

test("parts are as large as the registry wants them at least", async () => {
  await using place = await openEmpty({ minChunk: 20_000 }, { maxUploadBytes: 1000 });
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.sent().slice(2), ["PATCH 0-19999", "PUT 20000-24999"]);
});

test("a proxy that lets less through is found out once", async () => {
  await using place = await openEmpty({ maxBody: MIB });
  assert.equal(await place.put(large), "written");
  const whole = ["HEAD", "POST", "PUT"];
  const parts = ["PATCH 0-1048575", "PATCH 1048576-2097151", "PUT 2097152-2621439"];
  assert.deepEqual(place.sent(), [...whole, "POST", ...parts]);
  assert.deepEqual(place.held(large), Buffer.from(large.bytes));
  assert.equal(place.opens(), 2);

  place.fake.requests.length = 0;
  const again = layerPiece("again", 2.5 * MIB);
  assert.equal(await place.put(again), "written");
  assert.deepEqual(place.sent(), ["HEAD", "POST", ...parts]);
  assert.deepEqual(place.waits, []);
});

test("a proxy that lets hardly anything through is a refusal", async () => {
  await using place = await openEmpty({ maxBody: 500_000 });
  await assert.rejects(place.put(large), { code: "REGISTRY_REFUSED", message: /the registry answered 413$/ });
  assert.equal(place.held(large), undefined);
});

test("a registry that has other bytes than it was sent is not trusted", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 10_000 });
  place.fake.misbehave("PATCH", (_, response) =>
    response.writeHead(202, { location: "/v2/to/here/blobs/uploads/x", range: "0-4999" }).end(),
  );
  await assert.rejects(place.put(), {
    code: "REGISTRY_REFUSED",
    message: /the registry has the bytes 0-4999 where it was sent 0-9999$/,
  });
});

test("a part that fails begins everything again, with a new POST and a newly opened source", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 10_000 });
  place.fake.misbehave("PATCH", async (_, __, proceed) => proceed());
  place.fake.misbehave("PATCH", (request) => request.socket.destroy());
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.sent().slice(1), [
    "POST",
    "PATCH 0-9999",
    "PATCH 10000-19999",
    "POST",
    "PATCH 0-9999",
    "PATCH 10000-19999",
    "PUT 20000-24999",
  ]);
  assert.equal(place.opens(), 2);
});

test("so does a token that ends in the middle: a part cannot be sent twice", async () => {
  await using place = await openEmpty({ auth: "bearer", users: { user: "secret" } }, { maxUploadBytes: 10_000 });
  place.fake.misbehave("PATCH", async (_, __, proceed) => proceed());
  place.fake.misbehave("PATCH", async (_, __, proceed) => {
    place.fake.revokeTokens();
    await proceed();
  });
  assert.equal(await place.put(), "written");
  assert.deepEqual(place.held(), Buffer.from(small.bytes));
  assert.equal(place.opens(), 2);
  assert.equal(place.waits.length, 1);
});

test("a source that turns out to be wrong leaves nothing behind, and its own words come through", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 10_000 });
  const wrong = new RejectedError("CONTENT_MISMATCH", "Cannot take it: it is not what it should be");
  async function* failing() {
    yield* inChunks(small.bytes);
    throw wrong;
  }
  await assert.rejects(
    place.target.put(small.descriptor, async () => failing(), { verified: true }),
    wrong,
  );
  assert.equal(place.held(), undefined);
  assert.ok(place.sent().every((line) => !line.startsWith("PUT") || line.startsWith("PUT 2")));
});

test("a source is opened when its first part is sent, and not before", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 10_000 });
  place.fake.misbehave("POST", (_, response) => refuse(response, 403, "DENIED"));
  await assert.rejects(place.put(), { code: "REGISTRY_DENIED" });
  assert.equal(place.opens(), 0);
});

test("a part that the registry itself finds too large is final", async () => {
  await using place = await openEmpty({}, { maxUploadBytes: 10_000 });
  place.fake.misbehave("PATCH", (_, response) => refuse(response, 413, "SIZE_INVALID", "too large"));
  await assert.rejects(place.put(), { code: "REGISTRY_REFUSED", message: /413 \(SIZE_INVALID: too large\)$/ });
});
