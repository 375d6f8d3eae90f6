import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import * as z from "zod";
import { releaseSchema } from "../lib/bundle/index.ts";
import { configSchema } from "../lib/config/index.ts";
import { errorCodes } from "../lib/errors.ts";
import { catalogue, dataSchema, eventTypes } from "../lib/events/index.ts";
// not of its face: what runs never needs it
import { releaseCrd } from "../lib/release/crd.ts";
import { chartFiles } from "./chart.ts";
import { imageListsPage } from "./image-lists-page.ts";

/** The pages of docs/, and other files, that are made from code, by file name. */
export const pages = (): Readonly<Record<string, string>> => ({
  "docs/events.md": eventsPage(),
  "docs/errors.md": errorsPage(),
  "docs/configuration.md": configurationPage(),
  "docs/release.md": releasePage(),
  "docs/release.schema.json": `${JSON.stringify(z.toJSONSchema(releaseSchema, { io: "input" }), null, 2)}\n`,
  "charts/stowage/files/release-crd.yaml": `# made from the code by \`npm run docs\`; do not edit\n${stringify(releaseCrd(), { lineWidth: 0 })}`,
  "docs/image-lists.md": imageListsPage(generated) + handWritten("docs/image-lists.md"),
  ...chartFiles(generated),
});

const generated = "<!-- made from the code by `npm run docs`; do not edit -->\n";

/** What people write into a page that is otherwise made: this line, and everything behind it. */
const byHand = "<!-- written by hand from here on -->\n";

function handWritten(file: string): string {
  const text = readFileSync(join(import.meta.dirname, "..", file), "utf8");
  const at = text.indexOf(byHand);
  return at < 0 ? "" : `\n${text.slice(at)}`;
}

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
}

function eventsPage(): string {
  const sections = eventTypes.map((type) => {
    const { summary, promote } = catalogue[type];
    const promoted: readonly string[] = promote;
    const { properties = {}, required = [] } = dataSchema(type) as Schema;
    const rows = Object.entries(properties).map(([name, schema]) => {
      const attribute = promoted.includes(name) ? `\`${name.toLowerCase()}\`` : "";
      const about = [required.includes(name) ? "" : "Optional.", schema.description ?? ""].filter(Boolean).join(" ");
      return `| \`${name}\` | ${describeType(schema)} | ${attribute} | ${about} |`;
    });
    return `## ${type}\n\n${summary}\n\n| field | type | attribute | |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `# Events\n\n${generated}
Every event stowage sends or understands. Events are CloudEvents 1.0; \`data\` is JSON with the fields below. What triggers
filter on is repeated as extension attributes, since filters never see data. Ids of events that follow from others are
derived from them, so a redelivery produces the same event; receivers tell duplicates by \`source\` and \`id\`.

${sections.join("\n")}`;
}

function describeType({ type, items, properties, enum: values }: Schema): string {
  if (values) return values.map((value) => `\`${value}\``).join(", ");
  if (type === "array" && items) return `list of ${describeType(items)}`;
  if (type === "object" && properties) return `{ ${Object.keys(properties).join(", ")} }`;
  return type ?? "any";
}

function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return `# Errors\n\n${generated}
Every failure carries a code and a message; the code is stable, alert on it. Whether the same thing is tried again is
decided by the kind of the failure, not by its code:

| kind | HTTP status | what a broker does |
|---|---|---|
| rejected: the same event can never succeed | 422 | dead letter at once |
| transient: it may succeed later | 503, with \`Retry-After\` where known | backs off, tries again, then dead letter |
| anything else is a bug (\`UNEXPECTED\`) | 500 | the same |

| code | meaning |
|---|---|
${rows.join("\n")}
`;
}

function configurationPage(): string {
  return `# Configuration

${generated}
One YAML file, named by \`STOWAGE_CONFIG\` or \`--config\`. Everything has a default; a field that is not known is refused, and all
problems are reported together.

${fieldsTable(z.toJSONSchema(configSchema, { io: "input" }) as Schema)}
The environment wins over the file: \`STOWAGE_STORE\` sets \`store\`, \`STOWAGE_WEBHOOK_SECRET_FILE\` sets
\`webhooks.distribution.secretFile\`, and \`K_SINK\` (from a SinkBinding) sets \`sink\`.

In the place of oci-chartrepo, its arguments do as well: \`--storage-registry-repo HOST[:PORT]\` (default \`localhost:5000\`) is the
registry to index, \`--storage-registry-scheme HTTP|HTTPS\` how it is reached (default: the prefix of the address, else https
where that answers, else http without credentials), \`--port\` where to listen, \`--storage registry\` the only storage there is. Or as
variables: \`STOWAGE_STORAGE_REGISTRY_REPO\`, \`STOWAGE_STORAGE_REGISTRY_SCHEME\`, \`PORT\`, \`STOWAGE_STORAGE\`.

Credentials for registries are looked for in the files of \`credentials\`, then in \`$DOCKER_CONFIG/config.json\`,
\`~/.docker/config.json\` and \`/etc/secret/dockerconfigjson\`. The files are read again when they change. Credential helpers are
not run.

Registries behind a proxy are reached as \`HTTP_PROXY\`, \`HTTPS_PROXY\` and \`NO_PROXY\` say, loopback addresses never through it. Private
certificate authorities are those of Node: \`NODE_EXTRA_CA_CERTS\`.
`;
}

function releasePage(): string {
  return `# Release descriptions

${generated}
A release description is a YAML file that names what belongs to a release. \`stowage bundle\` takes it as a file,
\`bundle.requested\` as data.

${fieldsTable(z.toJSONSchema(releaseSchema, { io: "input" }) as Schema)}
\`\`\`yaml
name: harbour
version: 1.0.0
charts:
  - oci://registry.example.com/charts/hello:1.0.0
images:
  - quay.io/example/tool:1.4
\`\`\`

\`{name}\` and \`{version}\` stand for those of the release in names, paths, references and \`from\`. Paths of archives of one
image each may also hold \`{registry}\`, \`{repository}\`, \`{image}\` (the last part of the repository) and \`{tag}\`; that of charts
\`{file}\` and \`{chart}\`. What is wrong is told at once, by its path in the description.

As JSON Schema: [release.schema.json](release.schema.json). What comes out, how it is installed, checked, split, signed and sent as
a delta: [bundles.md](bundles.md). Exact packages to take as an example: [compass.yaml](../examples/packages/compass.yaml),
[lantern.yaml](../examples/packages/lantern.yaml).
`;
}

function fieldsTable(schema: Schema): string {
  return `| field | type | |\n|---|---|---|\n${fieldRows(schema, "").join("\n")}\n`;
}

function fieldRows({ properties = {} }: Schema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const inner = field.type === "array" && field.items?.properties ? field.items : field;
    if (inner.properties) return fieldRows(inner, field.type === "array" ? `${path}[].` : `${path}.`);
    const preset =
      field.default === undefined || JSON.stringify(field.default) === "[]" ? "" : `Default: \`${field.default}\`.`;
    return [
      `| \`${path}\` | ${describeType(field)} | ${[field.description ?? "", preset].filter(Boolean).join(". ")} |`,
    ];
  });
}
