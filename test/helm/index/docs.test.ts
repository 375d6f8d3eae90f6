import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { checkConfig, withAdapterArguments } from "../../../lib/config/index.ts";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/chart-repository.md"), "utf8");

test("every configuration that docs/chart-repository.md shows is one", () => {
  const shown = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => text!);
  assert.ok(shown.length >= 4);
  for (const text of shown) assert.doesNotThrow(() => checkConfig(parse(text)), text);
});

test("CR-13: the command line that docs/chart-repository.md shows in the place of oci-chartrepo is understood", () => {
  const [, line = ""] = /^stowage up (--host .*)$/m.exec(page)!;
  const args = line.split(" ");
  const known = args.slice(args.indexOf("--port"));
  assert.deepEqual(args.slice(0, args.indexOf("--port")), ["--host", "0.0.0.0"]);
  assert.equal(withAdapterArguments({}, known)["STOWAGE_STORAGE_REGISTRY_REPO"], "192.168.0.1:5000");
});

test("docs/chart-repository.md explains every warning of index-charts, in its words", () => {
  const source = readFileSync(join(root, "functions/index-charts.ts"), "utf8");
  const said = [...source.matchAll(/"([^"\n]+)"/g)].map(([, text]) => text!).filter((text) => /\bthe\b.* /.test(text));
  const explained = [...page.matchAll(/^\| `([a-z][^`]* [^`]*)` \|/gm)].map(([, text]) => text!);
  assert.deepEqual(explained.toSorted(), said.toSorted());
});
