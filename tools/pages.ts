import { errorCodes } from "../lib/errors.ts";
import { catalogue, dataSchema, eventTypes } from "../lib/events/index.ts";

/** The pages of docs/ that are made from code, by file name. */
export const pages = (): Readonly<Record<string, string>> => ({
  "docs/events.md": eventsPage(),
  "docs/errors.md": errorsPage(),
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
