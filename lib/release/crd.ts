import * as z from "zod";
import { releaseSchema } from "../bundle/index.ts";
import { deliverySchema } from "./delivery.ts";
import { releases } from "./object.ts";
import { statusSchema } from "./status-schema.ts";

/** A structural schema of Kubernetes: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema */
interface Structural {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
  readonly "x-kubernetes-validations"?: readonly Rule[];
  readonly [keyword: string]: unknown;
}

interface Rule {
  /** https://kubernetes.io/docs/reference/using-api/cel/ */
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
}

/**
 * What the schema cannot say and the API server can check cheaply; the rest (references, sizes, what belongs together deep in
 * sets) `release.refused` tells.
 *
 * A name and version name one folder of the store, so they never change, and name the object too: then no two of a
 * namespace can write into the same folder. Everything else may change: a description that failed is put right and tried again.
 */
const objectRules: readonly Rule[] = [
  {
    rule: "self.metadata.name == (self.spec.name + '-' + self.spec.version).lowerAscii().replace('_', '-').replace('+', '-')",
    messageExpression:
      "'metadata.name must be ' + (self.spec.name + '-' + self.spec.version).lowerAscii().replace('_', '-').replace('+', '-')",
  },
];
const specRules: readonly Rule[] = [
  { rule: "self.name == oldSelf.name", message: "name never changes: make another Release" },
  { rule: "self.version == oldSelf.version", message: "version never changes: make another Release" },
  {
    rule: ["charts", "images", "lists", "files", "sets"]
      .map((f) => `(has(self.${f}) && size(self.${f}) > 0)`)
      .join(" || "),
    message: "names neither charts, images nor files",
  },
  { rule: "!has(self.base) || !has(self.bundle) || self.bundle", message: "base is of a bundle" },
];
const listRules: readonly Rule[] = [
  {
    rule: "(has(self.form) && self.form == 'project') == has(self.registry)",
    message: "the form project needs a registry, the form reference has none",
  },
];
/** The CustomResourceDefinition of Release: its spec is a release description and what is to be made of it. */
export function releaseCrd(): object {
  const [group = "", version = ""] = releases.apiVersion.split("/");
  const spec = structural(z.toJSONSchema(releaseSchema, { io: "input" }));
  const delivery = structural(z.toJSONSchema(deliverySchema, { io: "input" }));
  const status = structural(z.toJSONSchema(statusSchema, { io: "input" }));
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${releases.plural}.${group}`,
      // what it defines would go with it, and every Release of the cluster
      annotations: { "helm.sh/resource-policy": "keep" },
    },
    spec: {
      group,
      scope: "Namespaced",
      names: {
        kind: releases.kind,
        listKind: `${releases.kind}List`,
        plural: releases.plural,
        singular: "release",
        shortNames: ["rel"],
        categories: ["stowage"],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: "object",
              description:
                "A release of software: which charts, images and files belong to it, and what was made of it",
              required: ["spec"],
              "x-kubernetes-validations": objectRules,
              properties: {
                apiVersion: { type: "string" },
                kind: { type: "string" },
                metadata: { type: "object" },
                spec: {
                  ...spec,
                  "x-kubernetes-validations": specRules,
                  properties: laidOver(spec, {
                    // the patterns say so too, but what rules may cost is reckoned from this
                    name: { maxLength: 63 },
                    version: { maxLength: 100 },
                    charts: { "x-kubernetes-list-type": "set" },
                    images: { "x-kubernetes-list-type": "set" },
                    lists: { items: { ...spec.properties!["lists"]!.items, "x-kubernetes-validations": listRules } },
                    ...delivery.properties,
                  }),
                },
                status: {
                  ...status,
                  properties: laidOver(status, {
                    conditions: { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
                  }),
                },
              },
            },
          },
        },
      ],
    },
  };
}

/** What `kubectl get releases` shows; `-o wide` the columns with a priority too. */
const columns: readonly object[] = [
  { name: "Version", type: "string", jsonPath: ".spec.version" },
  { name: "Phase", type: "string", jsonPath: ".status.phase" },
  { name: "Images", type: "integer", jsonPath: ".status.images.count" },
  { name: "Bundle", type: "string", jsonPath: ".status.bundle.key" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Mirror", type: "string", jsonPath: ".status.mirror.to", priority: 1 },
  { name: "Why", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
];

/** The properties of a schema, in their order, with what else is known of some of them. */
function laidOver(
  { properties = {} }: Structural,
  more: Readonly<Record<string, Structural>>,
): Structural["properties"] {
  const names = [...new Set([...Object.keys(properties), ...Object.keys(more)])];
  return Object.fromEntries(names.map((name) => [name, { ...properties[name], ...more[name] }]));
}

/** Keywords that structural schemas do not have, or do differently. */
const DROPPED = [
  "$schema",
  "propertyNames",
  "default",
  "description",
  "additionalProperties",
  "properties",
  "items",
  "format",
];

/**
 * A JSON Schema as Kubernetes takes it. Defaults are said and not set: what somebody wrote stays what it is when a default
 * changes. Unknown fields are the API server's matter: it prunes or refuses them. `z.unknown()` may be anything.
 */
function structural(schema: object): Structural {
  const { description, default: preset, properties, items, additionalProperties, ...rest } = schema as Structural;
  const kept = Object.fromEntries(Object.entries(rest).filter(([keyword]) => !DROPPED.includes(keyword)));
  if (kept["type"] === undefined) return { "x-kubernetes-preserve-unknown-fields": true };
  const about = [description, presetText(preset)].filter((text) => text !== undefined).join(". ");
  const values = typeof additionalProperties === "object" ? structural(additionalProperties) : undefined;
  const isFree = values !== undefined && values.type === undefined;
  return {
    ...(about && { description: about }),
    ...kept,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, structural(each)])),
    }),
    ...(items && { items: structural(items) }),
    ...(isFree && { "x-kubernetes-preserve-unknown-fields": true }),
    ...(values !== undefined && !isFree && { additionalProperties: values }),
  };
}

const presetText = (preset: unknown): string | undefined =>
  ["string", "boolean"].includes(typeof preset) ? `Default: ${preset}` : undefined;
