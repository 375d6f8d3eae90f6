import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { mayDefine, parseTemplates, TemplateError } from "../../lib/template/index.ts";
import { data, functions, options } from "./go.ts";

/** A late source, and how often its text was asked for. */
function late(name: string, text: string) {
  const source = {
    name,
    reads: 0,
    read(): string {
      source.reads++;
      return text;
    },
  };
  return source;
}

test("a late source is parsed when it is executed, and kept once it is executed again", () => {
  const [never, often] = [late("never", "n"), late("often", "text")];
  const set = parseTemplates([never, often, { name: "main", text: '{{ template "often" . }}' }], functions);
  assert.ok(set.has("often"));
  assert.equal(set.fileOf("often"), "often");
  assert.equal(often.reads, 0);
  for (let i = 0; i < 4; i++) assert.equal(set.execute("main", data(), options()), "text");
  assert.deepEqual([never.reads, often.reads], [0, 2]);
});

test("a check parses what was not parsed, and tells the first text that cannot be", () => {
  const [good, bad] = [late("good", "g"), late("bad", "{{ if }}")];
  const set = parseTemplates([good, bad, late("worse", "{{ end }}")], functions);
  assert.equal(set.execute("good", data(), options()), "g");
  assert.throws(() => set.check(), /^.*template: bad:1: missing value for if$/);
  assert.deepEqual([good.reads, bad.reads], [1, 1]);
  assert.throws(() => set.execute("bad", data(), options()), /missing value for if/);
  assert.throws(() => parseTemplates([bad, { name: "eager", text: "{{ end }}" }], functions), /bad:1/);
  assert.throws(() => parseTemplates([{ name: "eager", text: "{{ end }}" }, bad], functions), /eager:1/);
});

test("late sources replace, and are replaced, as all others", () => {
  const there = { name: "there", text: '{{ define "a" }}defined{{ end }}' };
  const read = (...sources: Parameters<typeof parseTemplates>[0][]) =>
    parseTemplates(
      sources.flatMap((some) => [...some]),
      functions,
    ).execute("a", data(), options());
  assert.equal(read([there, late("a", "late")]), "late");
  assert.equal(read([there, late("a", " \n")]), "defined");
  assert.equal(read([late("a", "late"), there]), "defined");
});

test("what defines templates has a word that does", () => {
  const word = fc.constantFrom("{{", "{{-", "}}", "-}}", " ", "define", "block", "end", '"x"', "`x`", "/*", "*/", "a");
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const text = words.join("");
      const name = "file";
      let others: readonly boolean[] = [];
      try {
        const set = parseTemplates([{ name, text }], functions);
        others = [set.has("x")];
      } catch (error) {
        assert.ok(error instanceof TemplateError);
      }
      assert.ok(mayDefine(Buffer.from(text)) || !others.includes(true));
    }),
  );
  assert.ok(
    mayDefine(Buffer.from('{{ block "x" . }}{{ end }}')) && mayDefine(Buffer.from("{{- define `x` }}{{ end }}")),
  );
  assert.ok(!mayDefine(Buffer.from("{{ .Values.image }}")));
});
