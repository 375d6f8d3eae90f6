import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { ensureHelm, openHelmRenderer, openRenderer } from "../../../lib/helm/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";
import { assertAsHelm } from "../../fixtures/oracle.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-generated-"));
const helm = await openHelmRenderer(await ensureHelm());
after(() => rm(work, { recursive: true, force: true }));

/** Few names, so that values, subcharts, conditions, tags, imports and globals meet. */
const names = ["a", "b", "c"] as const;
const name = fc.constantFrom(...names);
const key = fc.constantFrom(...names, "on", "global", "exports", "tags");
const scalar = fc.oneof(
  fc.boolean(),
  fc.constant(null),
  fc.integer({ min: -5, max: 1_000_000 }),
  fc.constantFrom(1.5, "text", "", "on"),
);
const leaf = fc.oneof({ arbitrary: scalar, weight: 4 }, { arbitrary: fc.array(scalar, { maxLength: 2 }), weight: 1 });

/** Tables under the names that may be subcharts: anything else ends the render, and so is rare. */
const table = (depth: number): fc.Arbitrary<unknown> =>
  depth === 0
    ? fc.dictionary(fc.constantFrom("on", "size"), leaf, { maxKeys: 2 })
    : fc.record(
        {
          ...Object.fromEntries(
            [...names, "global", "exports"].map((name) => [
              name,
              fc.oneof({ arbitrary: table(depth - 1), weight: 60 }, { arbitrary: leaf, weight: 1 }),
            ]),
          ),
          on: leaf,
          size: leaf,
          tags: fc.dictionary(name, fc.boolean(), { maxKeys: 3 }),
        },
        { requiredKeys: [] },
      );
const values = table(2);
const path = fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => keys.join("."));

interface GeneratedChart {
  readonly values: unknown;
  readonly dependencies: readonly unknown[] | undefined;
  readonly subcharts: Readonly<Record<string, GeneratedChart>>;
}

const dependency = fc.record(
  {
    name,
    version: fc.constantFrom("1.x", ">=1.0.0", "^1.2.0", "~2", "*"),
    condition: fc.array(path, { maxLength: 2 }).map((paths) => paths.join(",")),
    tags: fc.array(name, { maxLength: 2 }),
    alias: name,
    "import-values": fc.array(fc.oneof(name, fc.record({ child: path, parent: fc.oneof(path, fc.constant(".")) })), {
      maxLength: 2,
    }),
  },
  { requiredKeys: ["name", "version"] },
);

const chart = (depth: number): fc.Arbitrary<GeneratedChart> =>
  fc.record({
    values,
    dependencies:
      depth === 0
        ? fc.constant(undefined)
        : fc.option(fc.uniqueArray(dependency, { maxLength: 3, selector: ({ alias, name }) => alias ?? name }), {
            nil: undefined,
            freq: 6,
          }),
    subcharts: depth === 0 ? fc.constant({}) : fc.dictionary(name, chart(depth - 1), { minKeys: 2, maxKeys: 3 }),
  });

function filesOf(
  prefix: string,
  name: string,
  { values, dependencies, subcharts }: GeneratedChart,
): Record<string, string> {
  // a dependency that is not there ends the render before it begins
  const present = dependencies?.filter((entry) => (entry as { name: string }).name in subcharts);
  return {
    [`${prefix}Chart.yaml`]: JSON.stringify({
      apiVersion: "v2",
      name,
      version: "1.2.3",
      ...(present && { dependencies: present }),
    }),
    [`${prefix}values.yaml`]: JSON.stringify(values),
    [`${prefix}templates/all.yaml`]:
      "values: {{ toJson .Values }}\ndependencies: {{ toJson .Chart.Dependencies }}\nsubcharts: {{ keys .Subcharts | sortAlpha | toJson }}\n",
    ...Object.assign(
      {},
      ...Object.entries(subcharts).map(([sub, chart]) => filesOf(`${prefix}charts/${sub}/`, sub, chart)),
    ),
  };
}

test("generated umbrellas render as helm renders them, whatever their values, conditions, tags, aliases and imports", async () => {
  let count = 0;
  let rendered = 0;
  const renderer = openRenderer({ threads: 0 });
  await fc.assert(
    fc.asyncProperty(chart(2), values, async (generated, given) => {
      const directory = await writeChart(
        work,
        { name: `c${++count}`, version: "1.0.0" },
        filesOf("", "root", generated),
      );
      const file = join(work, `${count}.json`);
      await writeFile(file, JSON.stringify(given));
      if ((await assertAsHelm(helm, renderer, directory, { valuesFiles: [file] })) === "renders") rendered++;
    }),
    // each step of shrinking would be a run of helm
    { endOnFailure: true, numRuns: Number(process.env["RUNS"] ?? 40), seed: Number(process.env["SEED"] ?? 20261121) },
  );
  // most of them have to say something
  assert.ok(rendered > count / 3, `${rendered} of ${count} rendered`);
});
