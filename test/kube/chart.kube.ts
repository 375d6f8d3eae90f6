import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openHelm } from "../real/helm.ts";
import { startKubeApiServer } from "../real/kube-apiserver.ts";
import { readDefinitions, requiringDefinitions } from "../real/kube-definitions.ts";
import { chart, renderChart, valuesOf, ways } from "./charts.ts";
import { newNamespace } from "./cluster.ts";

const needs = requiringDefinitions();
// not the one that other tests share: here Release is not known before the chart
const cluster = await startKubeApiServer();
after(() => cluster[Symbol.asyncDispose]());
if (!needs.skip) await cluster.define(await readDefinitions());

test(
  "helm installs the chart: tried at the server, then installed, changed to every other way and removed",
  needs,
  async (t) => {
    await using helm = await openHelm();
    const namespace = await newNamespace(cluster, "helm");
    const at = [`--kubeconfig=${cluster.kubeconfig}`, `--namespace=${namespace}`];
    for (const way of ways) {
      await t.test(`tried: ${way}`, async () => {
        const said = await helm.run("install", "stowage", chart, "--dry-run=server", valuesOf(way), ...at);
        assert.match(said, /^STATUS: pending-install$/m);
      });
    }
    for (const way of ways) {
      await t.test(`installed: ${way}`, async () => {
        const said = await helm.run("upgrade", "--install", "stowage", chart, valuesOf(way), ...at);
        assert.match(said, /^STATUS: deployed$/m);
      });
    }
    await helm.run("uninstall", "stowage", ...at);
    await cluster.kubectl(["get", "crd/releases.stowage.dev"]);
    const kinds =
      "services,serviceaccounts,roles,configmaps,services.serving.knative.dev,triggers,jobsinks,statefulsets";
    const left = await cluster.kubectl(["get", kinds, `--namespace=${namespace}`, "--output=name"]);
    assert.equal(left, "");
  },
);

test("the chart's objects are accepted as they are, and applying them again changes nothing", needs, async (t) => {
  for (const way of ways) {
    await t.test(way, async () => {
      const namespace = await newNamespace(cluster, "chart");
      const manifests = await renderChart(namespace, valuesOf(way));
      const first = await applied(namespace, manifests);
      assert.equal(first.length, manifests.match(/^kind: /gm)?.length);
      assert.deepEqual(await applied(namespace, manifests), first);
    });
  }
});

interface Applied {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation?: number };
}

/** What there is of each object then: `<kind>/<name>`, which one, and how often its specification has changed. */
async function applied(namespace: string, manifests: string): Promise<readonly string[]> {
  const args = ["apply", "--server-side", `--namespace=${namespace}`, "--filename=-", "--output=json"];
  const { items } = JSON.parse(await cluster.kubectl(args, manifests)) as { readonly items: readonly Applied[] };
  return items.map(({ kind, metadata: { name, uid, generation } }) => `${kind}/${name} ${uid} ${generation}`);
}
