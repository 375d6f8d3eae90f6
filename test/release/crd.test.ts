import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { releaseSchema } from "../../lib/bundle/index.ts";
import { releaseCrd } from "../../lib/release/crd.ts";
import { deliveryFields } from "../../lib/release/delivery.ts";
import { statusSchema, steps } from "../../lib/release/status-schema.ts";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly [keyword: string]: unknown;
}

const { spec } = releaseCrd() as { spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] } };
const root = spec.versions[0].schema.openAPIV3Schema;

function* schemas(schema: Schema, path = ""): Generator<readonly [string, Schema]> {
  yield [path, schema];
  for (const [name, each] of Object.entries(schema.properties ?? {})) yield* schemas(each, `${path}.${name}`);
  if (schema.items) yield* schemas(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* schemas(schema.additionalProperties, `${path}{}`);
}

test("the spec is the release description and what is to be made of it, the status ours, field by field", () => {
  const { spec, status } = root.properties!;
  assert.deepEqual(Object.keys(spec!.properties!), [...Object.keys(releaseSchema.shape), ...deliveryFields]);
  assert.deepEqual(Object.keys(status!.properties!), Object.keys(statusSchema.shape));
  assert.deepEqual(spec!["required"], ["name", "version"]);
});

// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
test("the schema is structural: each part has a type or takes anything, and none says what Kubernetes does not know", () => {
  const known =
    /^(type|description|properties|items|additionalProperties|required|enum|pattern|min(imum|Length|Items)|max(imum|Length|Items)|x-kubernetes-[a-z-]+)$/;
  for (const [path, schema] of schemas(root)) {
    assert.ok(schema.type !== undefined || schema["x-kubernetes-preserve-unknown-fields"] === true, path);
    for (const keyword of Object.keys(schema)) assert.match(keyword, known, `${path}: ${keyword}`);
    assert.ok(schema.properties === undefined || schema.additionalProperties === undefined, path);
  }
});

test("what a field is when it is left out is said where people look, and left to the program", () => {
  const { form, bundle } = root.properties!["spec"]!.properties!;
  assert.match(String(form!["description"]), /Default: archive$/);
  assert.match(String(bundle!["description"]), /Default: true$/);
});

test("docs/releases.md names every field that is not of the description, and every condition", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/releases.md"), "utf8");
  const { spec, status } = root.properties!;
  const own = Object.keys(spec!.properties!).filter((name) => deliveryFields.includes(name));
  const told = [...schemas(status!)].map(([path]) => path.split(".").at(-1) ?? "");
  const ofConditions = Object.keys(status!.properties!["conditions"]!.items!.properties!);
  const words = [
    ...own,
    ...told.filter((name) => name !== "" && !name.includes("[]") && !ofConditions.includes(name)),
    ...steps,
  ];
  for (const word of words.filter((word) => word !== "conditions" && word !== "phase")) {
    assert.ok(page.includes(`\`${word}`), word);
  }
});
