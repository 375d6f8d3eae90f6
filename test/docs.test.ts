import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { errorCodes } from "../lib/errors.ts";
import { pages } from "../tools/pages.ts";

const root = dirname(import.meta.dirname);
const read = (file: string): string => readFileSync(join(root, file), "utf8");

for (const [file, text] of Object.entries(pages())) {
  test(`${file} says what the code says (npm run docs writes it)`, () => assert.equal(read(file), text));
}

test("every error code is thrown somewhere", () => {
  const sources = ["lib", "functions"].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && file !== "errors.ts")
      .map((file) => read(join(directory, file))),
  );
  const unused = Object.keys(errorCodes).filter((code) => !sources.some((text) => text.includes(`"${code}"`)));
  assert.deepEqual(unused, []);
});

test("links between the documents lead somewhere", () => {
  const documents = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => `docs/${file}`),
  ];
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.doesNotThrow(() => read(join(dirname(document), target!)), `${document} links to ${target}`);
    }
  }
});
