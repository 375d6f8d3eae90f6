import assert from "node:assert/strict";
import { test } from "node:test";
import { catalog, pull, push } from "../../../lib/oci/registry/access.ts";
import { createAuthorizer } from "../../../lib/oci/registry/authorizer.ts";
import type { Credential } from "../../../lib/oci/registry/credentials-file.ts";
import { createHttp } from "../../../lib/oci/registry/http.ts";
import { type FakeRegistry, type FakeRegistryOptions, sendJson, startFakeRegistry } from "../../fakes/registry.ts";
import { auth, openForTest } from "./opened-registry.ts";

const http = createHttp({ userAgent: "stowage-test" });
const users = { user: "sec:ret" };

/** An authorizer whose clock stands still until it is set. */
function openAuthorizer(fake: FakeRegistry, credential: Partial<Credential> | undefined, trusted = true) {
  const clock = { now: 1_000_000 };
  const authorizer = createAuthorizer({
    name: fake.host,
    http,
    endpoint: { base: new URL(fake.url), trusted },
    find: async () => credential && { username: "", password: "", ...credential },
    now: () => clock.now,
  });
  const challenge = `Bearer realm="${fake.url}/token",service="fake"`;
  return { authorizer, clock, challenge };
}

const tokenRequests = (fake: FakeRegistry) => fake.requests.filter(({ path }) => path.startsWith("/token"));

/** What a registry with these options says to somebody with this entry in the credentials file. */
async function tryOut(options: FakeRegistryOptions, entry: unknown): Promise<{ code: string; fake: FakeRegistry }> {
  const fake = await startFakeRegistry(options);
  await using opened = await openForTest(entry ? { [fake.host]: entry } : {});
  const outcome = opened.registries.repository(fake.host, "a/b").resolve("v1");
  const code = await outcome.then(
    () => "found",
    (error: { code: string }) => error.code,
  );
  await fake[Symbol.asyncDispose]();
  return { code, fake };
}

test("nothing is sent before the registry asks, then user and password go to the token service alone", async () => {
  const { code, fake } = await tryOut({ auth: "bearer", users }, auth("user", "sec:ret"));
  assert.equal(code, "CONTENT_UNKNOWN");
  const basic = `Basic ${Buffer.from("user:sec:ret").toString("base64")}`;
  assert.deepEqual(
    fake.requests.map(({ method, path, headers }) => [
      method,
      path,
      headers["authorization"]?.split("-")[0]?.slice(0, 6),
    ]),
    [
      ["HEAD", "/v2/a/b/manifests/v1", undefined],
      ["GET", "/token?service=fake&scope=repository%3Aa%2Fb%3Apull", basic.slice(0, 6)],
      ["HEAD", "/v2/a/b/manifests/v1", "Bearer"],
    ],
  );
  assert.equal(fake.requests[1]?.headers["authorization"], basic);
});

test("without credentials an anonymous token is fetched", async () => {
  const { code, fake } = await tryOut({ auth: "bearer" }, undefined);
  assert.equal(code, "CONTENT_UNKNOWN");
  assert.equal(tokenRequests(fake)[0]?.headers["authorization"], undefined);
});

test("basic registries get user and password with each request after the first", async () => {
  const { code, fake } = await tryOut({ auth: "basic", users }, auth("user", "sec:ret"));
  assert.equal(code, "CONTENT_UNKNOWN");
  assert.equal(fake.requests.length, 2);
});

test("credentials that are wrong or missing are denied after one try", async () => {
  for (const kind of ["basic", "bearer"] as const) {
    for (const entry of [auth("user", "wrong"), undefined]) {
      const { code, fake } = await tryOut({ auth: kind, users }, entry);
      assert.equal(code, "REGISTRY_DENIED");
      assert.ok(fake.requests.length <= 2);
    }
  }
});

test("an identity token is exchanged by POST, without the password", async () => {
  const entry = { ...auth("user", "x"), identitytoken: "refresh" };
  const { code, fake } = await tryOut({ auth: "bearer", users, identityToken: "refresh" }, entry);
  assert.equal(code, "CONTENT_UNKNOWN");
  const [request, ...more] = tokenRequests(fake);
  assert.deepEqual([request?.method, request?.path, request?.headers["authorization"]], ["POST", "/token", undefined]);
  assert.deepEqual(more, []);
});

test("a token service that does not know POST is asked by GET with the password", async () => {
  const entry = { ...auth("user", "sec:ret"), identitytoken: "refresh" };
  const { code, fake } = await tryOut({ auth: "bearer", users }, entry);
  assert.equal(code, "CONTENT_UNKNOWN");
  assert.deepEqual(
    tokenRequests(fake).map(({ method }) => method),
    ["POST", "GET"],
  );
});

test("a registry token is sent as it is", async () => {
  const { fake } = await tryOut({ auth: "bearer", users }, { registrytoken: "ready-made" });
  assert.deepEqual(
    fake.requests.map(({ headers }) => headers["authorization"]),
    [undefined, "Bearer ready-made"],
  );
});

test("CR-T26, CR-W7: one token is fetched for each set of scopes, however many ask at once", async () => {
  await using fake = await startFakeRegistry({ auth: "bearer", users });
  const { authorizer, challenge } = openAuthorizer(fake, { username: "user", password: "sec:ret" });
  const ask = () => authorizer.challenged(challenge, pull("a"), undefined);
  const found = await Promise.all([ask(), ask(), ask()]);
  assert.equal(new Set(found).size, 1);
  assert.equal(await authorizer.authorize(pull("a")), found[0]);
  assert.notEqual(await authorizer.authorize(push("a")), found[0]);
  await authorizer.authorize(catalog);
  assert.deepEqual(
    tokenRequests(fake).map(({ path }) => new URLSearchParams(path.split("?")[1]).getAll("scope")),
    [["repository:a:pull"], ["repository:a:pull,push"], ["registry:catalog:*"]],
  );
});

test("a token is renewed shortly before it expires, and after 60 seconds when the service does not say", async () => {
  for (const [expiresIn, stillGood, renewed] of [
    [undefined, 44, 46],
    [20, 14, 16],
    [3600, 3569, 3571],
  ] as const) {
    await using fake = await startFakeRegistry({ auth: "bearer", users, ...(expiresIn && { expiresIn }) });
    const { authorizer, clock, challenge } = openAuthorizer(fake, { username: "user", password: "sec:ret" });
    const start = clock.now;
    const first = await authorizer.challenged(challenge, pull("a"), undefined);
    clock.now = start + stillGood * 1000;
    assert.equal(await authorizer.authorize(pull("a")), first);
    clock.now = start + renewed * 1000;
    const second = await authorizer.authorize(pull("a"));
    assert.notEqual(second, first);
    assert.equal(await authorizer.authorize(pull("a")), second);
  }
});

test("a token that was refused is replaced once for all who held it", async () => {
  await using fake = await startFakeRegistry({ auth: "bearer", users });
  const { authorizer, challenge } = openAuthorizer(fake, { username: "user", password: "sec:ret" });
  const first = await authorizer.challenged(challenge, pull("a"), undefined);
  const second = await authorizer.challenged(challenge, pull("a"), first);
  assert.notEqual(second, first);
  assert.equal(await authorizer.challenged(challenge, pull("a"), first), second);
  assert.equal(tokenRequests(fake).length, 2);
});

test("what the challenge asks for besides is asked for, also when the token is renewed", async () => {
  await using fake = await startFakeRegistry({ auth: "bearer", users });
  const { authorizer, clock, challenge } = openAuthorizer(fake, { username: "user", password: "sec:ret" });
  await authorizer.challenged(`${challenge},scope="repository:a:pull,delete other:x:y"`, pull("a"), undefined);
  clock.now += 3_600_000;
  await authorizer.authorize(pull("a"));
  const scopes = tokenRequests(fake).map(({ path }) => new URLSearchParams(path.split("?")[1]).getAll("scope"));
  assert.deepEqual(scopes, Array(2).fill(["repository:a:pull,delete", "other:x:y"]));
});

test("a basic challenge for an identity token, and one of a kind nobody knows, leave nothing to try", async () => {
  await using fake = await startFakeRegistry();
  const { authorizer } = openAuthorizer(fake, { identityToken: "x" });
  assert.equal(await authorizer.challenged('Basic realm="x"', pull("a"), undefined), undefined);
  assert.equal(await authorizer.challenged('Negotiate, Digest realm="x"', pull("a"), undefined), undefined);
  assert.equal(await authorizer.challenged(undefined, pull("a"), undefined), undefined);
});

test("an endpoint that is not trusted sees no credentials", async () => {
  await using fake = await startFakeRegistry();
  const { authorizer } = openAuthorizer(fake, { username: "user", password: "x", registryToken: "y" }, false);
  assert.equal(await authorizer.challenged('Basic realm="x"', pull("a"), undefined), undefined);
});

test("a realm may not lead to http, into the network or nowhere", async () => {
  const open = (base: string, trusted = true) =>
    createAuthorizer({ name: "reg", http, endpoint: { base: new URL(base), trusted }, find: async () => undefined });
  const secure = open("https://reg.example");
  for (const realm of [
    "http://auth.example/token",
    "https://127.0.0.1/token",
    "https://localhost/token",
    "https://169.254.169.254/latest",
    "https://10.1.2.3/token",
    "https://[::1]/token",
    "https://[fe80::1]/token",
    "https://[::ffff:10.0.0.1]/token",
    "https://user:password@auth.example/token",
    "file:///etc/passwd",
    "/token",
    "",
  ]) {
    await assert.rejects(
      secure.challenged(`Bearer realm="${realm}"`, pull("a"), undefined),
      { code: "REGISTRY_REFUSED" },
      realm,
    );
  }
  const guessed = open("http://reg.example", false);
  await assert.rejects(guessed.challenged('Bearer realm="http://reg.example/t"', pull("a"), undefined), {
    code: "REGISTRY_REFUSED",
  });
});

test("a token service that answers anything but a token is refused, or tried again when it is down", async () => {
  await using fake = await startFakeRegistry({ auth: "bearer", users });
  const { authorizer, challenge } = openAuthorizer(fake, { username: "user", password: "sec:ret" });
  const ask = () => authorizer.challenged(challenge, pull("a"), undefined);
  for (const answer of ["<html>", "null", "{}", '{"token":""}', '{"token":"a\\nb"}', '{"token":5}']) {
    fake.misbehave("/token", (_, response) => response.end(answer));
    await assert.rejects(ask(), { code: "REGISTRY_REFUSED" }, answer);
  }
  fake.misbehave("/token", (_, response) => response.end(" ".repeat(300_000)));
  await assert.rejects(ask(), { code: "REGISTRY_REFUSED" });
  fake.misbehave("/token", (_, response) => response.writeHead(404).end());
  await assert.rejects(ask(), { code: "REGISTRY_REFUSED" });
  fake.misbehave("/token", (_, response) => response.writeHead(503, { "retry-after": "7" }).end());
  await assert.rejects(ask(), { code: "REGISTRY_UNAVAILABLE", retryAfter: 7 });
  fake.misbehave("/token", (_, response) => response.destroy());
  await assert.rejects(ask(), { code: "REGISTRY_UNAVAILABLE" });
  fake.misbehave("/token", (_, response) => sendJson(response, { access_token: "also.good" }));
  assert.equal(await ask(), "Bearer also.good");
});
