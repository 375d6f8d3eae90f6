import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { valuesOf } from "../../../lib/helm/render/render-path.ts";
import { pathOf, type Setting, settingOf, settingText, withSettings } from "../../../lib/helm/render/setting.ts";
import { at } from "../../../lib/helm/render/switches.ts";
import { integerOf, type Value } from "../../../lib/template/index.ts";

const step = fc.stringMatching(/^[A-Za-z0-9_.,=[\]\\ /-]{1,8}$/).filter((key) => key.trim() === key);
const scalar: fc.Arbitrary<Value> = fc.oneof(fc.boolean(), fc.integer().map(BigInt), fc.string({ unit: "binary" }));
const value: fc.Arbitrary<Value> = fc.oneof(
  scalar,
  fc.array(fc.oneof(fc.boolean(), fc.string()), { maxLength: 3 }),
  fc.dictionary(fc.string({ minLength: 1 }), fc.boolean(), { maxKeys: 3 }).map((map) => new Map(Object.entries(map))),
);

test("a setting gives exactly the value at the path, whatever characters there are", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), value, (path, wanted) => {
      const given = at(valuesOf(withSettings({}, [settingOf(path, wanted)])), path);
      assert.deepEqual(integerOf(given) ?? given, wanted);
    }),
  );
});

test("a setting tells the path that it is about; what is about no single value has none", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), value, (path, wanted) =>
      assert.deepEqual(pathOf(settingOf(path, wanted)), path),
    ),
  );
  for (const option of ["apiVersions", "kubeVersion", "valuesFiles", "skipSchemaValidation"] as const) {
    assert.equal(pathOf({ option, text: "a.b=true" }), undefined);
  }
});

test("nothing as a value takes away what a chart has", () => {
  assert.deepEqual(settingOf(["a", "b"], null), { option: "set", text: "a.b=null" });
  assert.deepEqual(settingOf(["a", "b"], undefined), { option: "set", text: "a.b=null" });
});

test("settings read as people write them", () => {
  const texts = [
    settingOf(["a", "b.c"], true),
    settingOf(["a"], "x,y"),
    settingOf(["a"], ["x"]),
    { option: "apiVersions", text: "acme.io/v1" },
    { option: "kubeVersion", text: "v1.23.0" },
    { option: "valuesFiles", text: "ci/a-values.yaml" },
    { option: "skipSchemaValidation", text: "" },
  ] satisfies Setting[];
  assert.deepEqual(texts.map(settingText), [
    "a.b\\.c=true",
    "--set-string a=x\\,y",
    '--set-json a=["x"]',
    "--api-versions acme.io/v1",
    "--kube-version v1.23.0",
    "--values ci/a-values.yaml",
    "--skip-schema-validation",
  ]);
});

test("settings come behind what the options say; of Kubernetes versions the last one counts", () => {
  const options = { set: ["a=1"], apiVersions: ["v0"], kubeVersion: "v1.30.0" };
  const settings: Setting[] = [
    { option: "set", text: "a=2" },
    { option: "apiVersions", text: "v1" },
    { option: "kubeVersion", text: "v1.29.0" },
    { option: "kubeVersion", text: "v1.28.0" },
  ];
  const all = withSettings(options, settings);
  assert.deepEqual([all.set, all.apiVersions, all.kubeVersion], [["a=1", "a=2"], ["v0", "v1"], "v1.28.0"]);
  assert.equal(withSettings(options, []).kubeVersion, "v1.30.0");
});
