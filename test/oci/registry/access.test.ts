import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mergeScopes, mount } from "../../../lib/oci/registry/access.ts";

test("merging scopes unites the actions of a resource", () => {
  assert.deepEqual(mergeScopes(["repository:a/b:pull"], ["repository:a/b:pull,push", "repository:c:pull"]), [
    "repository:a/b:pull,push",
    "repository:c:pull",
  ]);
});

test("merging scopes keeps the first scope first", () => {
  assert.deepEqual(mergeScopes(["repository:z:push"], ["repository:a:pull", "repository:z:pull"]), [
    "repository:z:push,pull",
    "repository:a:pull",
  ]);
});

test("a name with a port is one resource", () => {
  assert.deepEqual(mergeScopes(["repository:host:5000/a:pull"], ["repository:host:5000/a:push"]), [
    "repository:host:5000/a:pull,push",
  ]);
});

test("a mount needs the destination first, then the origin", () => {
  assert.deepEqual(mount("to", "from").scopes, ["repository:to:pull,push", "repository:from:pull"]);
});

const scope = fc
  .tuple(
    fc.constantFrom("a", "b/c", "host:5000/d"),
    fc.uniqueArray(fc.constantFrom("pull", "push", "delete"), { minLength: 1 }),
  )
  .map(([name, actions]) => `repository:${name}:${actions.join(",")}`);

test("merging what was merged changes nothing", () => {
  fc.assert(
    fc.property(fc.array(scope), fc.array(scope), (first, second) => {
      const merged = mergeScopes(first, second);
      assert.deepEqual(mergeScopes(merged, second), merged);
      assert.deepEqual(mergeScopes(merged, first), merged);
    }),
  );
});
