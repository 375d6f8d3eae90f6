import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { checkConfig } from "../../lib/config/index.ts";
import { openSource, webhookKinds } from "../../lib/webhooks/index.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "webhooks.md"), "utf8");
const ways = {
  header: "secret in `Authorization`",
  path: "secret in the path",
  signature: "HMAC-SHA256 of the body",
} as const;

test("docs/webhooks.md lists the kinds as the code knows them", () => {
  const rows = Object.entries(webhookKinds).map(
    ([kind, { title, proof, mediaTypes }]) =>
      `| \`${kind}\` | ${title} | ${ways[proof.by]} | ${mediaTypes.map((type) => `\`${type}\``).join(", ")} |`,
  );
  const table = page.split("\n").filter((line) => /^\| `/.test(line));
  assert.deepEqual(table, rows);
});

test("docs/webhooks.md says of each kind how its registry is set up, with the path it posts to", () => {
  for (const [kind, { title, proof }] of Object.entries(webhookKinds)) {
    const section = page.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
    const path = `https://stowage.example.com/hooks/${kind}${proof.by === "path" ? "/SECRET" : ""}`;
    assert.ok(section.includes(path), title);
  }
});

test("the configuration that docs/webhooks.md shows is one", () => {
  const [shown] = /^webhooks:\n.*?(?=^```)/ms.exec(page)!;
  assert.equal(openSource(checkConfig(parse(shown)), "harbor")?.kind, webhookKinds.harbor);
});
