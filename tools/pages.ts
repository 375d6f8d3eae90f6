import * as z from "zod";
import { releaseSchema } from "../lib/bundle/index.ts";
import { configSchema } from "../lib/config/index.ts";
import { errorCodes } from "../lib/errors.ts";
import { catalogue, dataSchema, eventTypes } from "../lib/events/index.ts";
import { listDefects } from "../lib/images/index.ts";

/** The pages of docs/ that are made from code, by file name. */
export const pages = (): Readonly<Record<string, string>> => ({
  "docs/events.md": eventsPage(),
  "docs/errors.md": errorsPage(),
  "docs/configuration.md": configurationPage(),
  "docs/release.md": releasePage(),
  "docs/image-lists.md": imageListsPage(),
});

const generated = "<!-- made from the code by `npm run docs`; do not edit -->\n";

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

The bundle is \`<name>-<version>.tar.gz\`, one directory with:

| file | |
|---|---|
| \`bundle.json\` | bill of materials: every chart and image with digest, platforms and source |
| \`images.list\` | the images, one a line |
| \`charts/\` | the chart archives, byte for byte |
| \`images.tar\` | all images, each layer once: an OCI layout that docker load, podman load, ctr and skopeo read as well |
| \`SHA256SUMS\` | checksums for \`sha256sum --check\` |

The same release gives the same bytes. A bundle that lies in the store already is not built again.
`;
}

function imageListsPage(): string {
  const rows = Object.entries(listDefects).map(
    ([defect, { severity, meaning }]) => `| \`${defect}\` | ${severity} | ${meaning} |`,
  );
  return `# Image lists

${generated}
An image list is a text file with one image a line. Empty lines and lines that begin with \`#\` are skipped. Several lists of
one run are read as one; an image that is in them more than once is copied once. Of a directory, files whose names end in
\`.list\` count.

Lines have one of two forms. A list does not say which; whoever names the list does:

| form | a line | command line | \`mirror.requested\` |
|---|---|---|---|
| project | \`release/app-admin:v0.3.17\`: a project of \`lists.projects\`, no host | the default | \`form: project\`, the default |
| reference | \`docker.io/library/nginx:1.27\`, as \`stowage images\` prints it, by tag or digest | \`--references\` | \`form: reference\` |

Errors refuse all lists of the run before anything is copied. What a warning tells of was repaired. Each is reported as
\`{ file, line, text, defect, severity, proposal? }\`:

| defect | severity | the line or file |
|---|---|---|
${rows.join("\n")}

## What a run leaves

\`report.json\` has one result for each image: \`copied\`, \`present\` (nothing had to be written), \`missing\` (not at the source),
\`denied\` or \`failed\`, with \`side\`: the registry it failed at. \`miss_image.txt\` names what the source failed at, as it was to
be pulled; \`miss_push_image.txt\` what the target failed at, as it was to be pushed. A complete run has neither file. A run that
was refused or has not ended has \`miss_image.txt\` with a comment.

An image whose tag is right at the target costs one HEAD at each side. That does not show signatures that came later, nor
platforms that an earlier run with \`--platform\` left out: \`--recheck\` looks again.
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
