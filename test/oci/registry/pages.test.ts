import assert from "node:assert/strict";
import { test } from "node:test";
import type { Registries } from "../../../lib/oci/registries.ts";
import { type FakeRegistryOptions, refuse, sendJson, startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "./opened-registry.ts";

/** A fake with 250 repositories, and 250 tags in `a/b`. */
async function openMany(options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry(options);
  const names = Array.from({ length: 249 }, (_, number) => `many/${number}`);
  for (const name of names) fake.repository(name);
  for (let number = 0; number < 250; number++) fake.repository("a/b").tags.set(`v${number}`, "sha256:x");
  const opened = await openForTest();
  const registries: Registries = opened.registries;
  return {
    fake,
    tags: () => Array.fromAsync(registries.repository(fake.host, "a/b").tags()),
    repositories: () => Array.fromAsync(registries.repositories(fake.host)),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

test("all pages are read, each by the link of the one before exactly as it was given", async () => {
  await using place = await openMany({ pageSize: 100 });
  assert.equal(new Set(await place.tags()).size, 250);
  assert.deepEqual(
    place.fake.requests.map(({ path }) => path),
    ["/v2/a/b/tags/list", "/v2/a%2Fb/tags/list?token=100&last=a%2Fb", "/v2/a%2Fb/tags/list?token=200&last=a%2Fb"],
  );
  assert.equal(new Set(await place.repositories()).size, 250);
});

test("pages of a registry with tokens need one token", async () => {
  await using place = await openMany({ pageSize: 100, auth: "bearer" });
  assert.equal((await place.repositories()).length, 250);
  assert.equal(place.fake.requests.filter(({ path }) => path.startsWith("/token")).length, 1);
});

test("a link may be absolute, by the address or by the name of the registry", async () => {
  await using place = await openMany();
  await using named = await openForTest({}, [{ host: "reg.example", endpoint: place.fake.url }]);
  for (const origin of [place.fake.url, "https://reg.example"]) {
    place.fake.misbehave("tags/list", (_, response) => {
      response.setHeader("link", `<${origin}/v2/a/b/tags/list?page=2>; rel=next; title="x"`);
      sendJson(response, { name: "a/b", tags: ["first"] });
    });
    const tags = await Array.fromAsync(named.registries.repository("reg.example", "a/b").tags());
    assert.equal(tags.length, 251);
  }
});

test("a link to another host, to nowhere or back is refused", async () => {
  await using other = await startFakeRegistry();
  for (const link of [
    `<${other.url}/v2/a/b/tags/list>; rel="next"`,
    '<//evil.example/v2/>; rel="next"',
    '<http://>; rel="next"',
    '</v2/a/b/tags/list>; rel="next"',
  ]) {
    await using place = await openMany();
    place.fake.misbehave("tags/list", (_, response) => {
      response.setHeader("link", link);
      sendJson(response, { tags: ["first"] });
    });
    await assert.rejects(place.tags(), { code: "REGISTRY_REFUSED" }, link);
  }
  assert.deepEqual(other.requests, []);
});

test("pages that circle are refused, not read for ever", async () => {
  await using place = await openMany();
  const turn = (to: string) =>
    place.fake.misbehave("tags/list", (_, response) => {
      response.setHeader("link", `</v2/a/b/tags/list?at=${to}>; rel="next"`);
      sendJson(response, { tags: [to] });
    });
  for (const to of ["1", "2", "1", "2"]) turn(to);
  await assert.rejects(place.tags(), { code: "REGISTRY_REFUSED", message: /never comes to a last page/ });
});

test("other links than the next are passed over", async () => {
  await using place = await openMany();
  place.fake.misbehave("tags/list", (_, response) => {
    response.setHeader("link", '</first>; rel="first", </docs>; title="next"; rel=help');
    sendJson(response, { tags: ["only"] });
  });
  assert.deepEqual(await place.tags(), ["only"]);
});

test("what is no list is an error, not an empty one", async () => {
  await using place = await openMany();
  for (const answer of ["<html>Sign in</html>", "null", "[]", "{}", '{"tags":"v1"}', '{"tags":[5]}']) {
    place.fake.misbehave("tags/list", (_, response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(answer);
    });
    await assert.rejects(
      place.tags(),
      { code: "REGISTRY_REFUSED", message: /the registry answered text\/html that is no list of tags$/ },
      answer,
    );
  }
  place.fake.misbehave("tags/list", (_, response) => response.writeHead(422).end());
  await assert.rejects(place.tags(), { code: "REGISTRY_REFUSED" });
});

test("a repository whose last tag was deleted, or that is not there, has no tags", async () => {
  await using place = await openMany();
  place.fake.misbehave("tags/list", (_, response) => sendJson(response, { name: "a/b", tags: null }));
  assert.deepEqual(await place.tags(), []);
  for (const code of ["NAME_UNKNOWN", "NOT_FOUND"]) {
    place.fake.misbehave("tags/list", (_, response) => refuse(response, 404, code));
    assert.deepEqual(await place.tags(), []);
  }
});

test("a 404 of something that is no registry is not an empty repository", async () => {
  await using place = await openMany();
  place.fake.misbehave("tags/list", (_, response) => response.writeHead(404).end("<html>"));
  await assert.rejects(place.tags(), { code: "CONTENT_UNKNOWN" });
});

test("a registry that refuses large pages is asked for smaller ones", async () => {
  await using place = await openMany({ pageSize: 100 });
  place.fake.misbehave("n=1000", (_, response) => refuse(response, 413, "TOO_LARGE"));
  place.fake.misbehave("n=100", (_, response) => refuse(response, 400, "PAGINATION_NUMBER_INVALID"));
  assert.equal((await place.repositories()).length, 250);
  const listings = place.fake.requests.filter(({ path }) => path.startsWith("/v2/_catalog"));
  assert.deepEqual(
    listings.slice(0, 3).map(({ path }) => path),
    ["/v2/_catalog?n=1000", "/v2/_catalog?n=100", "/v2/_catalog"],
  );
});

test("a registry that does not tell its repositories says so once", async () => {
  await using place = await openMany();
  place.fake.misbehave("_catalog", (_, response) => refuse(response, 403, "DENIED"));
  await assert.rejects(place.repositories(), { code: "REGISTRY_DENIED" });
  // the first one finds out that it is no Harbor
  assert.deepEqual(
    place.fake.requests.map(({ path }) => path),
    ["/api/v2.0/systeminfo", "/v2/_catalog?n=1000"],
  );
});
