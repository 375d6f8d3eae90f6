import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { prefersGzip, prefersJson } from "../../../lib/helm/serve/negotiation.ts";

for (const [field, wanted] of [
  ["gzip", true],
  ["gzip, deflate, br", true],
  ["br, x-gzip;q=0.5", true],
  ["GZIP ; Q=0.2", true],
  ["*", true],
  ["gzip;q=1.0, identity;q=0.5", true],
  ["gzip;q=0.5, identity;q=0.5", true],
  ["gzip, identity;q=0", true],
  ["identity;q=0, *;q=0.1", true],
  [undefined, false],
  ["", false],
  ["identity", false],
  ["br, zstd", false],
  ["gzip;q=0", false],
  ["gzip;q=0, *", false],
  ["gzip;q=0.000", false],
  ["gzip;q=0.4, identity;q=0.5", false],
  ["identity, *;q=0.5", false],
] as const) {
  test(`Accept-Encoding ${field === undefined ? "that is absent" : `"${field}"`} ${wanted ? "gets" : "gets no"} gzip`, () => {
    assert.equal(prefersGzip(field), wanted);
  });
}

for (const [field, wanted] of [
  ["application/json", true],
  ["application/json, */*", true],
  ["application/json;q=0.9, application/yaml;q=0.8", true],
  ["application/yaml, application/json", false],
  ["application/x-yaml;q=0.9, application/json;q=0.5", false],
  ["application/json;q=0", false],
  ["*/*", false],
  ["application/*", false],
  [undefined, false],
] as const) {
  test(`Accept ${field === undefined ? "that is absent" : `"${field}"`} gets ${wanted ? "JSON" : "YAML"}`, () => {
    assert.equal(prefersJson(field), wanted);
  });
}

test("whatever a client sends in these fields, it gets an answer", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (field) => {
      assert.equal(typeof prefersGzip(field), "boolean");
      assert.equal(typeof prefersJson(field), "boolean");
    }),
  );
});
