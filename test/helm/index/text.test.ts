import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { parse } from "yaml";
import { assemble } from "../../../lib/helm/index/assemble.ts";
import { foldChart } from "../../../lib/helm/index/fold.ts";
import { emptyGeneration, type Generation, nextGeneration } from "../../../lib/helm/index/generation.ts";
import { makePart, partKey } from "../../../lib/helm/index/part.ts";
import type { Claim } from "../../../lib/helm/index/record.ts";
import { EPOCH, jsonForm, yamlForm } from "../../../lib/helm/index/text.ts";
import { openStore } from "../../../lib/store/index.ts";
import { openHelm } from "../../real/helm.ts";
import { claimOf } from "./claim.ts";

const ROOT = "index/whole/";
const yamlOf = (name: string, claims: readonly Claim[]) =>
  yamlForm.head(EPOCH, false) + yamlForm.chart(name, foldChart(claims).entries) + yamlForm.foot;
const jsonOf = (name: string, claims: readonly Claim[]) =>
  jsonForm.head(EPOCH, false) + jsonForm.chart(name, foldChart(claims).entries) + jsonForm.foot;

/** Texts that are trouble: what YAML takes for something else, line breaks, control characters, halves of pairs. */
const trouble = fc.oneof(
  fc.constantFrom(
    "",
    "yes",
    "1.10",
    "null",
    "~",
    "2030-01-05",
    "- a",
    "a: b",
    "#c",
    "\u0085",
    "\u2028",
    "\ufeff",
    "\u007f",
  ),
  fc.string({ unit: "binary" }),
  fc.constantFrom("\ud800", "\udc00x", "\u{1f6a2}", 'a"b\\c', "tab\tline\nline"),
);
const metadata = fc.record(
  {
    description: trouble,
    keywords: fc.array(trouble, { maxLength: 3 }),
    annotations: fc.dictionary(trouble, trouble, { maxKeys: 3, noNullPrototype: true }),
    maintainers: fc.array(fc.record({ name: trouble, email: trouble }, { requiredKeys: [] }), { maxLength: 2 }),
    deprecated: fc.boolean(),
    dependencies: fc.array(
      fc.record({
        name: trouble,
        tags: fc.array(trouble, { maxLength: 2 }),
        "import-values": fc.array(
          fc.oneof(trouble, fc.dictionary(trouble, trouble, { maxKeys: 2, noNullPrototype: true })),
        ),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

test("the YAML of an index says what its JSON says, whatever stands in the charts", () => {
  fc.assert(
    fc.property(metadata, (given) => {
      const claims = [claimOf({ name: "lantern", version: "1.0.0", ...given } as Claim["metadata"])];
      const read = parse(yamlOf("lantern", claims), { version: "1.1", uniqueKeys: false, maxAliasCount: 0 });
      assert.equal(wellFormed(read), wellFormed(JSON.parse(jsonOf("lantern", claims))));
    }),
    { numRuns: 300 },
  );
});

/** Half a surrogate pair is no text: YAML has no way to write it. */
const wellFormed = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === "string" ? each.toWellFormed() : each)).replaceAll(
    /\\ud[89a-f][0-9a-f]{2}/g,
    "\ufffd",
  );

test("CR-W4: helm reads an index whose charts have names and texts that are trouble, each with its own words", async () => {
  const hostile = ["a\u007fb", "\u0085\u2028\ufeff", "\u{1f6a2} é", "\ud800", "\u0000\u001b[31m", "k: v # c", "\ufffe"];
  const annotations = Object.fromEntries([...hostile, "k".repeat(5000), "yes", ""].map((key) => [key, key]));
  const names = ["yes", "null", "1.5", "y", "a.b_c", "Lantern", "0x10", "x"];
  const charts = names.map((name) =>
    yamlForm.chart(
      name,
      foldChart(
        [
          claimOf({ name, version: "1.0.0", description: `of ${name}`, keywords: hostile, annotations }),
          claimOf({ name, version: "1.10", description: hostile.join(" ") }),
          claimOf({ name, version: "no version", description: "left out by helm" }),
        ].map((claim, i) => ({ ...claim, tag: `t${i}` })),
      ).entries,
    ),
  );
  const yaml = `${yamlForm.head(EPOCH, false)}${charts.join("")}`;
  const server = createServer((_, response) => void response.end(yaml)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await using helm = await openHelm();
    await helm.run("repo", "add", "r", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const found = JSON.parse(await helm.run("search", "repo", "-l", "-o", "json")) as {
      name: string;
      description: string;
    }[];
    assert.deepEqual(
      found
        .filter(({ description }) => description.startsWith("of "))
        .map(({ name, description }) => [name, description])
        .sort(),
      names.map((name) => [`r/${name}`, `of ${name}`]).sort(),
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("an empty index is valid in both forms", () => {
  assert.deepEqual(parse(yamlForm.head(EPOCH, true)), { apiVersion: "v1", generated: EPOCH, entries: {} });
  assert.deepEqual(JSON.parse(jsonForm.head(EPOCH, true) + jsonForm.foot), {
    apiVersion: "v1",
    generated: EPOCH,
    entries: {},
  });
});

const chart = fc.record({
  name: fc.constantFrom("a", "b", "c", "d", "e", "f"),
  version: fc.constantFrom("1.0.0", "2.0.0"),
});
const changes = fc.array(fc.record({ chart, removes: fc.boolean() }), { minLength: 1, maxLength: 4 });

test("a text that is put together from the last one and new parts is the text of all parts, byte for byte; gzip reads it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 4 }), async (generations) => {
      const store = await openStore("memory:");
      const wholeOf = async (name: Parameters<typeof assemble>[2], generation: Generation, base?: Generation) => {
        const text = assemble(store, ROOT, name, generation, base);
        return Buffer.concat(await Array.fromAsync(text.read(0, text.size)));
      };
      let base: Generation | undefined;
      let state = emptyGeneration;
      for (const all of generations) {
        const rows = new Map();
        for (const { chart: one, removes } of all) {
          const part = makePart(one.name, [claimOf(one)]);
          await store.put(partKey(ROOT, part.row.part), part.bytes);
          rows.set(one.name, removes ? undefined : part.row);
        }
        state = nextGeneration(state, rows);
        for (const name of ["index.yaml", "index.yaml.gz", "index.json.gz"] as const) {
          const bytes = await wholeOf(name, state, base);
          assert.deepEqual(bytes, await wholeOf(name, state), name);
          await store.put(`${ROOT}texts/${String(state.number).padStart(12, "0")}/${name}`, bytes);
        }
        const yaml = await wholeOf("index.yaml", state);
        assert.deepEqual(gunzipSync(await wholeOf("index.yaml.gz", state)), yaml);
        const index = JSON.parse(gunzipSync(await wholeOf("index.json.gz", state)).toString());
        assert.deepEqual(parse(yaml.toString()), index);
        assert.deepEqual(Object.keys(index.entries), [...state.rows.keys()]);
        base = state;
      }
    }),
    { numRuns: 40 },
  );
});

test("index.yaml.gz is one gzip member: the system's gzip tells the size and finds nothing behind it", async () => {
  const store = await openStore("memory:");
  const parts = ["a", "b"].map((name) => makePart(name, [claimOf({ name, version: "1.0.0" })]));
  for (const { row, bytes } of parts) await store.put(partKey(ROOT, row.part), bytes);
  const generation = nextGeneration(emptyGeneration, new Map(parts.map(({ row }) => [row.name, row])));
  const text = assemble(store, ROOT, "index.yaml.gz", generation, undefined);
  const bytes = Buffer.concat(await Array.fromAsync(text.read(0, text.size)));
  const yaml = gunzipSync(bytes);
  assert.equal(bytes.readUInt32LE(bytes.byteLength - 4), yaml.byteLength);
  assert.equal(bytes.indexOf(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), 10), -1);
});
