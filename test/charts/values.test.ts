import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isMap, parseDocument, type YAMLMap } from "yaml";
import { RejectedError } from "../../lib/errors.ts";
import { assertAsHelm } from "../fixtures/oracle.ts";
import { chart, helm, release, render, renderer, valuesFile } from "./stowage-chart.ts";

const refused = async (values: object): Promise<string> => {
  const error = await render(values).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RejectedError && error.code === "CHART_UNRENDERABLE", JSON.stringify(values));
  return error.message;
};

test("every misspelled key is refused, at any depth", async () => {
  const { contents } = parseDocument(await readFile(join(chart, "values.yaml"), "utf8"));
  assert.ok(isMap(contents));
  const free = /^(nodeSelector|affinity|\w*[aA]nnotations|\w*[lL]abels|requests|limits|secrets)$/;
  const places: string[] = [];
  /** The same maps, each with a key that means nothing. */
  const misspell = (map: YAMLMap, place: string): object => {
    if (!free.test(place.split("/").at(-1)!)) places.push(place);
    const inner = map.items.flatMap(({ key, value }) =>
      isMap(value) ? [[String(key), misspell(value, `${place}/${String(key)}`)]] : [],
    );
    return Object.fromEntries(free.test(place.split("/").at(-1)!) ? inner : [["misspelled", 1], ...inner]);
  };
  const message = await refused(misspell(contents, ""));
  assert.ok(places.length > 40);
  for (const place of places)
    assert.ok(message.includes(`at '${place}': additional properties 'misspelled' not allowed`), place);
});

test("nonsense is refused by helm, too", async () => {
  const nonsense: readonly object[] = [
    { mode: "serverless" },
    { image: { digest: "sha256:1" } },
    { config: { store: 7 } },
    { config: { stor: "s3://bucket" } },
    { config: { sink: "http://elsewhere" } },
    { config: { webhooks: { sources: [{ name: "UPPER", kind: "harbor", registry: "a", secrets: [] }] } } },
    { registryCredentials: { secretNames: ["not a name"] } },
    { secrets: { store: { secretName: "a", password: "hunter2" } } },
    { env: [{ name: "A", value: 1 }] },
    { env: [{ name: "not-a-name", value: "" }] },
    { functions: { "index-chart": { runs: "service" } } },
    { functions: { bury: { enabled: false } } },
    { functions: { "serve-charts": { runs: "job" } } },
    { functions: { "receive-webhook": { backoffLimit: 3 } } },
    { functions: { "list-images": { containerConcurrency: 5000 } } },
    { functions: { "list-images": { delivery: { timeout: "5 minutes" } } } },
    { jobDefaults: { startedBy: "cron" } },
    { single: { service: { port: 70_000 } } },
    { single: { persistence: { size: "much" } } },
    { networkPolicy: { exceptCIDRs: ["169.254.169.254"] } },
    { broker: { url: "kafka://events" } },
    { observability: { podMonitor: { interval: "often" } } },
    // known only when it is put together
    { config: { store: "file:/data" } },
    { config: { store: "memory:" } },
    { broker: { class: "RabbitMQBroker" } },
    { mode: "single", single: { ingress: { enabled: true } } },
    { mode: "single", single: { httpRoute: { enabled: true } } },
  ];
  for (const values of nonsense) await refused(values);
  // helm takes its time: some that the schema refuses, and what it cannot
  for (const values of [...nonsense.slice(0, 4), ...nonsense.slice(-5)]) {
    const valuesFiles = [await valuesFile(values)];
    assert.equal(await assertAsHelm(helm, renderer, chart, { ...release, valuesFiles }), "refuses");
  }
});

test("what is refused when it is put together says why", async () => {
  assert.match(
    await refused({ config: { store: "file:/data" } }),
    /"file:\/data" in mode knative: pods share nothing but a bucket/,
  );
  assert.match(
    await refused({ broker: { class: "RabbitMQBroker" } }),
    /set broker\.url, or broker\.sinkBinding to true/,
  );
  assert.match(
    await refused({ mode: "single", single: { ingress: { enabled: true } } }),
    /single\.ingress\.hosts is empty/,
  );
});

test("as a part of another chart it takes that one's global values", async () => {
  assert.notEqual((await render({ global: { imageRegistry: "registry.example.com" } })).length, 0);
});
