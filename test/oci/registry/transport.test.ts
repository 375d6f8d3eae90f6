import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError, TransientError } from "../../../lib/errors.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import type { RegistrySettings } from "../../../lib/oci/registry/endpoint.ts";
import { imageFixture, layerPiece, putAll, read } from "../../contracts/image-fixture.ts";
import { refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { auth, openForTest } from "./opened-registry.ts";

const image = imageFixture("transport");
const { descriptor } = image.manifest;
const blob = layerPiece("transport");

/** A fake that holds an image, and its repository through the client. */
async function openImage(
  options: Parameters<typeof startFakeRegistry>[0] = {},
  settings: Partial<RegistrySettings> = {},
) {
  const fake = await startFakeRegistry(options);
  const opened = await openForTest({ [fake.host]: auth("user", "secret") }, [{ host: fake.host, ...settings }]);
  const target = opened.registries.repository(fake.host, "a/b");
  await putAll(target, [...image.pieces, blob]);
  await target.tag("v1", descriptor);
  fake.requests.length = 0;
  return {
    fake,
    target,
    waits: opened.waits,
    pass: opened.pass,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

test("a registry that is briefly down or throttles is asked again", async () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    await using place = await openImage();
    place.fake.misbehave("HEAD /v2/", (_, response) => response.writeHead(status, { "retry-after": "1" }).end(), 2);
    assert.equal((await place.target.resolve("v1")).digest, descriptor.digest);
    assert.deepEqual(place.waits, [1000, 1000]);
  }
});

test("a connection that breaks is tried again", async () => {
  await using place = await openImage();
  place.fake.misbehave("HEAD /v2/", (_, response) => response.destroy(), 2);
  assert.equal((await place.target.resolve("v1")).digest, descriptor.digest);
});

test("after three tries it is the caller's turn, with the wait the registry asked for", async () => {
  await using place = await openImage();
  place.fake.misbehave("HEAD /v2/", (_, response) => response.writeHead(503, { "retry-after": "2" }).end(), 9);
  await assert.rejects(place.target.resolve("v1"), (error) => {
    assert.ok(error instanceof TransientError);
    assert.equal(error.code, "REGISTRY_UNAVAILABLE");
    assert.equal(error.retryAfter, 2);
    assert.equal(error.message, `Cannot resolve "v1" in ${place.target.name}: the registry answered 503`);
    return true;
  });
  assert.equal(place.fake.requests.length, 3);
});

test("a long wait is passed on at once", async () => {
  await using place = await openImage();
  place.fake.misbehave("HEAD /v2/", (_, response) => response.writeHead(429, { "retry-after": "120" }).end());
  await assert.rejects(place.target.resolve("v1"), { code: "REGISTRY_UNAVAILABLE", retryAfter: 120 });
  assert.equal(place.fake.requests.length, 1);
  assert.deepEqual(place.waits, []);
});

test("a refusal is final and says what the registry said", async () => {
  await using place = await openImage();
  for (const [status, code] of [
    [400, "REGISTRY_REFUSED"],
    [401, "REGISTRY_DENIED"],
    [403, "REGISTRY_DENIED"],
    [404, "CONTENT_UNKNOWN"],
    [413, "REGISTRY_REFUSED"],
  ] as const) {
    place.fake.misbehave("GET /v2/a/b/tags", (_, response) => refuse(response, status, "POLICY", "not\n\x1b[31m now"));
    await assert.rejects(Array.fromAsync(place.target.tags()), (error) => {
      assert.ok(error instanceof RejectedError);
      assert.equal(error.code, code);
      assert.ok(error.message.endsWith(`the registry answered ${status} (POLICY: not [31m now)`), error.message);
      return true;
    });
  }
});

test("words without end, or in HTML, are left out", async () => {
  await using place = await openImage();
  const fail = (body: string) => {
    place.fake.misbehave("GET /v2/", (_, response) => response.writeHead(400).end(body));
    return Array.fromAsync(place.target.tags());
  };
  const plain = /the registry answered 400$/;
  await assert.rejects(fail("<html>"), plain);
  await assert.rejects(fail("null"), plain);
  await assert.rejects(fail('{"errors":[null]}'), plain);
  await assert.rejects(fail('{"errors":{"code":"X"}}'), plain);
  await assert.rejects(fail(JSON.stringify({ errors: [{ code: "X", message: "x".repeat(9000) }] })), plain);
  await assert.rejects(fail(JSON.stringify({ errors: [{ code: "X", message: "y".repeat(5000) }] })), (error) => {
    assert.ok(error instanceof RejectedError && error.message.length < 500);
    return true;
  });
});

test("a token that ends while work goes on is replaced", async () => {
  await using place = await openImage({ auth: "bearer", users: { user: "secret" } });
  place.fake.revokeTokens();
  assert.equal((await place.target.resolve("v1")).digest, descriptor.digest);
  place.fake.revokeTokens();
  assert.deepEqual(await read(place.target, blob.descriptor), blob.bytes);
});

test("blobs are read through redirects, whose hosts see no credentials", async () => {
  await using storage = await startFakeRegistry();
  storage.repository("x").blobs.set(blob.descriptor.digest, Buffer.from(blob.bytes));
  const signed = `${storage.url}/v2/x/blobs/${blob.descriptor.digest}?signature=hunter2`;
  for (const auth of ["basic", "bearer"] as const) {
    await using place = await openImage({ auth, users: { user: "secret" } });
    for (const status of [301, 302, 303, 307, 308]) {
      place.fake.misbehave("GET /v2/a/b/blobs", async (request, response, proceed) => {
        if (request.headers.authorization === undefined) return proceed();
        response.writeHead(status, { location: signed }).end();
      });
      assert.deepEqual(await read(place.target, blob.descriptor), blob.bytes);
    }
  }
  assert.ok(storage.requests.length > 0);
  assert.ok(storage.requests.every(({ headers }) => headers["authorization"] === undefined));

  await using place = await openImage();
  place.fake.misbehave("GET /v2/a/b/blobs", (_, response) => response.writeHead(307, { location: signed }).end());
  storage.misbehave("GET", (_, response) => refuse(response, 403, "EXPIRED", "hunter2"));
  await assert.rejects(read(place.target, blob.descriptor), (error) => {
    assert.ok(error instanceof RejectedError);
    assert.match(error.message, new RegExp(`: ${storage.host} answered 403$`));
    return true;
  });
});

test("a redirect back to the registry carries no credentials either", async () => {
  await using place = await openImage({ auth: "basic", users: { user: "secret" } });
  place.fake.misbehave("GET /v2/a/b/blobs", async (request, response, proceed) => {
    if (request.headers.authorization === undefined) return proceed();
    response.writeHead(307, { location: "/v2/a/b/other" }).end();
  });
  await assert.rejects(read(place.target, blob.descriptor), {
    code: "REGISTRY_REFUSED",
    message: /asks for credentials/,
  });
  assert.equal(place.fake.requests.at(-1)?.headers["authorization"], undefined);
});

test("redirects that circle, lead nowhere or are not safe are refused", async () => {
  const digest: Descriptor["digest"] = blob.descriptor.digest;
  for (const location of [
    `/v2/a/b/blobs/${digest}`,
    undefined,
    "http://",
    "file:///etc/passwd",
    "http://user:password@127.0.0.1/x",
  ]) {
    await using place = await openImage();
    const headers = location === undefined ? {} : { location };
    place.fake.misbehave("GET /v2/a/b/blobs", (_, response) => response.writeHead(307, headers).end(), 99);
    await assert.rejects(read(place.target, blob.descriptor), { code: "REGISTRY_REFUSED" }, location ?? "none");
    assert.ok(place.fake.requests.length <= 6);
  }
});

test("what writes is not redirected", async () => {
  await using place = await openImage();
  place.fake.misbehave("DELETE /v2/", (_, response) => response.writeHead(307, { location: "/v2/" }).end());
  await assert.rejects(place.target.remove("v1"), { code: "REGISTRY_REFUSED", message: /answered 307/ });
});

test("an abort ends the waiting between tries", async () => {
  await using place = await openImage();
  const abort = new AbortController();
  place.fake.misbehave("HEAD /v2/", (_, response) => {
    abort.abort();
    response.writeHead(503).end();
  });
  await assert.rejects(place.target.resolve("v1", abort.signal), { name: "AbortError" });
});

test("a registry that asked not to be asked is left alone, whatever is wanted of it, until the time is over", async () => {
  await using place = await openImage();
  place.fake.misbehave("HEAD /v2/", (_, response) => response.writeHead(429, { "retry-after": "60" }).end());
  await assert.rejects(place.target.resolve("v1"), { retryAfter: 60 });
  place.pass(18_500);
  for (const ask of [
    () => place.target.resolve("v1"),
    () => read(place.target, blob.descriptor),
    () => place.target.tag("v2", descriptor),
  ]) {
    await assert.rejects(ask, (error) => {
      assert.ok(error instanceof TransientError && error.code === "REGISTRY_UNAVAILABLE");
      assert.equal(error.retryAfter, 42);
      assert.match(error.message, /: the registry asked not to be asked for 42 seconds$/);
      return true;
    });
  }
  assert.equal(place.fake.requests.length, 1);
  place.pass(41_500);
  assert.equal((await place.target.resolve("v1")).digest, descriptor.digest);
});

test("a short pause is waited for", async () => {
  await using place = await openImage();
  place.fake.misbehave("HEAD /v2/", (_, response) => response.writeHead(503, { "retry-after": "2" }).end());
  const both = await Promise.all([place.target.resolve("v1"), place.target.resolve("v1")]);
  assert.deepEqual(
    both.map(({ digest }) => digest),
    [descriptor.digest, descriptor.digest],
  );
  assert.ok(place.waits.includes(2000));
});

test("no more requests are under way at once than the settings say, and one counts until its answer is read", async () => {
  await using place = await openImage({}, { maxConcurrency: 2 });
  let [now, most] = [0, 0];
  let met: (() => void) | undefined;
  place.fake.misbehave(
    "/v2/",
    async (_, __, proceed) => {
      now += 1;
      most = Math.max(most, now);
      // one waits for the other, and there are never more
      if (met) met();
      else await new Promise<void>((resolve) => (met = resolve));
      met = undefined;
      now -= 1;
      await proceed();
    },
    20,
  );
  const tags = Array.from({ length: 10 }, () => place.target.resolve("v1"));
  const reads = Array.from({ length: 10 }, () => read(place.target, blob.descriptor));
  await Promise.all([...tags, ...reads]);
  assert.equal(most, 2);
  const [first, second] = [await place.target.open(blob.descriptor), await place.target.open(blob.descriptor)];
  const third = place.target.resolve("v1");
  await new Promise(setImmediate);
  const before = place.fake.requests.length;
  await Array.fromAsync(first);
  await third;
  assert.equal(place.fake.requests.length, before + 1);
  // leaving early gives the place back as well
  for await (const _ of second) break;
  await Promise.all([place.target.resolve("v1"), place.target.resolve("v1")]);
});
