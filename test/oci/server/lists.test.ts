import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inTagOrder, page } from "../../../lib/oci/server/lists.ts";
import { imageFixture } from "../../contracts/image-fixture.ts";
import { type Served, serve } from "./serving.ts";

const image = imageFixture("image");

/** Follow a list to its end; each page is what it held. */
async function pages(registry: Served, path: string, field: "tags" | "repositories"): Promise<string[][]> {
  const found: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { status, headers, body } = await registry.send("GET", next);
    assert.equal(status, 200);
    found.push(JSON.parse(body.toString())[field]);
    const link = headers["link"] as string | undefined;
    if (link !== undefined) assert.match(link, /^<\/v2\/[^>]+>; rel="next"$/);
    next = link?.slice(1, link.indexOf(">"));
  }
  return found;
}

test("tags are listed in order, whole or page by page", async () => {
  await using registry = await serve();
  for (const tag of ["v2", "V10", "latest", "1.0.0_x", "v1"]) await registry.push("a/b", image.pieces, tag);
  const all = ["1.0.0_x", "latest", "v1", "V10", "v2"];
  const { body, headers } = await registry.send("GET", "/v2/a/b/tags/list");
  assert.equal(headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(body.toString()), { name: "a/b", tags: all });
  assert.deepEqual(await pages(registry, "/v2/a/b/tags/list?n=2", "tags"), [all.slice(0, 2), all.slice(2, 4), ["v2"]]);
  assert.deepEqual(await pages(registry, "/v2/a/b/tags/list?n=5", "tags"), [all]);
  assert.deepEqual(await pages(registry, "/v2/a/b/tags/list?last=v1", "tags"), [["V10", "v2"]]);
  assert.deepEqual(await pages(registry, "/v2/a/b/tags/list?n=1&last=zzz", "tags"), [[]]);
  assert.deepEqual(await pages(registry, "/v2/a/b/tags/list?n=0", "tags"), [[]]);
});

test("the catalogue lists what has held a manifest, component by component, whole or page by page", async () => {
  await using registry = await serve();
  assert.deepEqual(await pages(registry, "/v2/_catalog", "repositories"), [[]]);
  for (const name of ["b", "a-b", "a/b", "a", "a/b/c", "a0"]) await registry.push(name, image.pieces, "v1");
  await registry.push("only/blobs", [image.config]);
  const all = ["a", "a/b", "a/b/c", "a-b", "a0", "b"];
  assert.deepEqual(await pages(registry, "/v2/_catalog", "repositories"), [all]);
  assert.deepEqual(
    await pages(registry, "/v2/_catalog?n=1", "repositories"),
    all.map((name) => [name]),
  );
  assert.deepEqual(await pages(registry, "/v2/_catalog?n=10&last=a/b", "repositories"), [all.slice(2)]);
});

test("a repository that never held a manifest has no list, and one whose tags are gone has an empty one", async () => {
  await using registry = await serve();
  await registry.push("only/blobs", [image.config]);
  for (const name of ["a", "only/blobs"]) {
    const { status, codes } = await registry.send("GET", `/v2/${name}/tags/list`);
    assert.deepEqual([status, codes], [404, ["NAME_UNKNOWN"]], name);
  }
  await registry.push("a/b", image.pieces, "v1");
  await registry.send("DELETE", "/v2/a/b/manifests/v1");
  assert.deepEqual(await pages(registry, "/v2/a/b/tags/list", "tags"), [[]]);
});

test("a page must have a number for a size", async () => {
  await using registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  for (const n of ["-1", "x", "1.5", "", "9".repeat(40)]) {
    for (const path of ["/v2/_catalog", "/v2/a/b/tags/list"]) {
      const { status, codes } = await registry.send("GET", `${path}?n=${n}`);
      assert.deepEqual([status, codes], [400, ["PAGINATION_NUMBER_INVALID"]], n);
    }
  }
});

async function tagsPage(tags: readonly string[], query: URLSearchParams) {
  const { items, headers } = await page(tags, { query, path: "/list", key: (tag) => tag, order: inTagOrder });
  return { items, ...headers };
}

test("pages of any size hold every tag once and in order", async () => {
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,4}$/);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(tag, { maxLength: 30 }), fc.integer({ min: 1, max: 12 }), async (tags, n) => {
      const sorted = tags.toSorted(inTagOrder);
      const found: string[] = [];
      for (let query: URLSearchParams | undefined = new URLSearchParams({ n: String(n), x: "y&z" }); query; ) {
        assert.equal(query.get("x"), "y&z");
        const { items, link }: { items: readonly string[]; link?: string } = await tagsPage(sorted, query);
        assert.ok(items.length === n || link === undefined);
        found.push(...items);
        query = link === undefined ? undefined : new URLSearchParams(/\?([^>]*)>/.exec(link)![1]);
      }
      assert.deepEqual(found, sorted);
    }),
  );
});

test("nobody gets more than 10,000 entries at once", async () => {
  const items = Array.from({ length: 10_001 }, (_, number) => String(number + 10_000));
  for (const query of [new URLSearchParams(), new URLSearchParams({ n: "1000000" })]) {
    const first = await tagsPage(items, query);
    assert.equal(first.items.length, 10_000);
    assert.equal(first.link, '</list?n=10000&last=19999>; rel="next"');
  }
});
