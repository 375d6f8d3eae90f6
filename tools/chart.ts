import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isMap, type Pair, parseDocument, type YAMLMap } from "yaml";
import { valuesJsonSchema } from "./chart-values.ts";

const root = dirname(import.meta.dirname);
const chart = "charts/stowage";

/**
 * The files of the chart that are made: what its values may be, what they are for, and the triggers. A chart can hold nothing
 * from outside of its directory, so it has them byte for byte (docs/decisions/0024-chart.md).
 */
export function chartFiles(generated: string): Readonly<Record<string, string>> {
  const triggers = readdirSync(join(root, "triggers")).filter((name) => name.endsWith(".yaml"));
  return {
    [`${chart}/values.schema.json`]: `${JSON.stringify(valuesJsonSchema(), null, 2)}\n`,
    [`${chart}/README.md`]: readme(generated, readFileSync(join(root, chart, "values.yaml"), "utf8")),
    ...Object.fromEntries(
      triggers.map((name) => [`${chart}/triggers/${name}`, readFileSync(join(root, "triggers", name), "utf8")]),
    ),
  };
}

function readme(generated: string, values: string): string {
  const { contents } = parseDocument(values);
  if (!isMap(contents)) throw new Error(`Cannot make the README of ${chart}: its values are no map`);
  return `# The chart of stowage

${generated}
Installs [stowage](../../README.md): with \`mode: knative\` as functions behind a Broker of Knative, with \`mode: single\` as one
process with everything in it, on any cluster. Kubernetes 1.30 or later; for \`knative\`, Knative Serving and Eventing 1.15 or later.

\`\`\`sh
helm install stowage charts/stowage --namespace stowage --create-namespace --set mode=single
\`\`\`

What has to be there, how registries are wired up, how to scale, upgrade and back up: [docs/operate.md](../../docs/operate.md). Values
for many cases: [ci/](ci). Values that are not below are refused.

| value | default | |
|---|---|---|
${rows(contents, "").join("\n")}
`;
}

/** A row for each value; a map that has rows of its own gets one only if there is something to say of it. */
function rows(map: YAMLMap, prefix: string): string[] {
  return map.items.flatMap((pair, index) => {
    const path = `${prefix}${String(pair.key)}`;
    // the comment before the first key belongs to the map, for the parser
    const before = index === 0 && prefix !== "" ? map.commentBefore : commentBefore(pair);
    const about = (before ?? "").trim().replaceAll(/\s*\n\s*/g, " ");
    const { value } = pair;
    const isTable = isMap(value) && !value.flow && prefix !== "functions.";
    if (!isTable) return [`| \`${path}\` | \`${JSON.stringify(plain(value))}\` | ${about} |`];
    return [...(about === "" ? [] : [`| \`${path}\` | | ${about} |`]), ...rows(value, `${path}.`)];
  });
}

/** An empty line parts what is said of the file, or of what comes before, from what is said of the key. */
function commentBefore({ key }: Pair): string | undefined {
  const text = (key as { commentBefore?: string | null }).commentBefore;
  return text?.split(/\n\s*\n/).at(-1);
}

const plain = (value: unknown): unknown => (value as { toJSON(): unknown }).toJSON();
