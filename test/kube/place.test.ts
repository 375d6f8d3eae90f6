import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { placeOf } from "../../lib/kube/place.ts";

const releases = { apiVersion: "stowage.dev/v1alpha1", kind: "Release", plural: "releases" };
const server = new URL("https://kube.example.com/prefix/");

test("whatever a name is, it is refused or one segment of the path, and nothing but it", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constant("\ud800"),
    fc.string({ unit: fc.constantFrom(..."./%\\?#;: a") }),
  );
  fc.assert(
    fc.property(name, name, (namespace, object) => {
      let path: string;
      try {
        ({ path } = placeOf("get", releases, namespace, object, "status"));
      } catch (error) {
        assert.equal((error as { code?: string }).code, "KUBE_REFUSED");
        return;
      }
      const url = new URL(path, server);
      assert.equal(url.origin + url.search + url.hash, server.origin);
      assert.deepEqual(url.pathname.split("/").map(decodeURIComponent), [
        "",
        "prefix",
        "apis",
        "stowage.dev",
        "v1alpha1",
        "namespaces",
        namespace,
        "releases",
        object,
        "status",
      ]);
    }),
  );
});

test("built-in kinds, kinds of the whole cluster and whole namespaces have their own paths", () => {
  const secrets = { apiVersion: "v1", kind: "Secret", plural: "secrets" };
  const nodes = { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false };
  assert.deepEqual(placeOf("list", secrets, "apps"), {
    action: 'list secrets "apps"',
    path: "api/v1/namespaces/apps/secrets",
  });
  assert.deepEqual(placeOf("get", nodes, "apps", "n1"), { action: 'get nodes "n1"', path: "api/v1/nodes/n1" });
});
