import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRoute } from "../../../lib/helm/serve/route.ts";

for (const [path, route] of [
  ["/", { at: "root" }],
  ["/health", { at: "health" }],
  ["/index.yaml", { at: "index", form: "yaml" }],
  ["/index.json", { at: "index", form: "json" }],
  ["/team/index.yaml", { at: "index", project: "team", form: "yaml" }],
  ["/charts/index.yaml", { at: "index", project: "charts", form: "yaml" }],
  ["/charts/web-1.0.0.tgz", { at: "file", file: "web-1.0.0.tgz", isProvenance: false }],
  ["/charts/web-1.0.0%2Bb7.tgz", { at: "file", file: "web-1.0.0+b7.tgz", isProvenance: false }],
  ["/charts/web-1.0.0+b7.tgz.prov", { at: "file", file: "web-1.0.0+b7.tgz", isProvenance: true }],
  ["/team/charts/web-1.0.0.tgz", { at: "file", project: "team", file: "web-1.0.0.tgz", isProvenance: false }],
  ["/charts/charts/web-1.0.0.tgz", { at: "file", project: "charts", file: "web-1.0.0.tgz", isProvenance: false }],
  ["/api/charts", { at: "charts" }],
  ["/api/charts/web", { at: "charts", name: "web" }],
  ["/api/charts/web/1.0.0%2Bb7", { at: "charts", name: "web", version: "1.0.0+b7" }],
  ["/api/team/charts", { at: "charts", project: "team" }],
  ["/api/team/charts/web/1.0.0", { at: "charts", project: "team", name: "web", version: "1.0.0" }],
] as const) {
  test(`${path} names ${JSON.stringify(route)}`, () => assert.deepEqual(parseRoute(path), route));
}

for (const path of [
  "",
  "//",
  "/index.yml",
  "/a/b/index.yaml",
  "//index.yaml",
  "/charts",
  "/charts/",
  "/charts/web-1.0.0",
  "/charts/a/web-1.0.0.tgz/b",
  "/charts/a%2Fweb-1.0.0.tgz",
  "/charts/..%2f..%2fsecret.tgz",
  "/charts/%",
  "/charts/%ff.tgz",
  "/charts/web.tgz?x",
  "/api",
  "/api/",
  "/api/charts/",
  "/api/charts/a/b/c",
  "/api/a/b/charts",
  "/api%2Fcharts",
]) {
  test(`${path} names nothing`, () => assert.equal(parseRoute(path), undefined));
}

test("no path breaks the routes, and no name in them has a slash", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.constantFrom("charts", "api", "%2f", "%2e%2e", "a.tgz"))),
      (parts) => {
        const route = parseRoute(`/${parts.join("/")}`);
        for (const name of Object.values(route ?? {})) assert.ok(!String(name).includes("/"));
      },
    ),
  );
});
