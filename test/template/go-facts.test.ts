import assert from "node:assert/strict";
import { test } from "node:test";
import { sprintf, TemplateError } from "../../lib/template/index.ts";
import { execute, type Fact } from "./go.ts";
import { formatted } from "./go-formats.ts";
import { executed, parsed } from "./go-templates.ts";

function check(facts: readonly Fact[]): void {
  for (const [template, expected] of facts) {
    let result: Fact[1];
    try {
      result = { out: execute(template) };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      result = { err: error.message };
    }
    assert.deepEqual(result, expected, template);
  }
}

test("templates give what Go's text/template gives, and fail in its words", () => check(executed));

test("texts that are no templates are refused in Go's words", () => check(parsed));

test("printf writes every value under every verb as Go's fmt does", () => {
  for (const [format, values, text] of formatted) assert.equal(sprintf(format, values), text, format);
});
