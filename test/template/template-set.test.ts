import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../lib/errors.ts";
import {
  Budget,
  type BudgetLimits,
  parseTemplates,
  Struct,
  TemplateError,
  TypedMap,
  TypedSlice,
  templateFunction,
  type Value,
} from "../../lib/template/index.ts";
import { bytes, data, execute, functions, map, options } from "./go.ts";

const tooExpensive = (error: unknown): boolean =>
  error instanceof RejectedError && error.code === "TEMPLATE_TOO_EXPENSIVE";

test("of two templates of one name the last counts, and one of nothing but space replaces none", () => {
  const set = parseTemplates(
    [
      { name: "a", text: '{{ define "x" }}first{{ end }}{{ define "y" }}kept{{ end }}' },
      { name: "b", text: '{{ define "x" }}last{{ end }}{{ define "y" }} \n{{ end }}' },
      { name: "main", text: '{{ include "x" . }} {{ include "y" . }}' },
    ],
    functions,
  );
  assert.equal(set.execute("main", data(), options()), "last kept");
  assert.equal(set.has("y"), true);
  assert.equal(set.has("z"), false);
});

test("equal texts in several files and sets keep their own names in errors", () => {
  const text = '{{ define "shared" }}\n{{ .nil.x }}{{ end }}';
  for (const name of ["one/_a.tpl", "two/_a.tpl"]) {
    const set = parseTemplates([{ name, text }], functions);
    assert.throws(
      () => set.execute("shared", data(), options()),
      (error) => error instanceof TemplateError && error.place.name === name && error.place.line === 2,
    );
  }
});

test("a text that defines a template of its file's name is refused there, and only there", () => {
  const text = '{{ define "own" }}x{{ end }}\ny';
  for (const name of ["other", "own", "other"]) {
    const parse = (): unknown => parseTemplates([{ name, text }], functions);
    if (name === "other") assert.doesNotThrow(parse);
    else assert.throws(parse, /^.*template: own:2: template: multiple definition of template "own"$/);
  }
  const blank = parseTemplates([{ name: "own", text: '{{ define "own" }}x{{ end }} ' }], functions);
  assert.equal(blank.execute("own", data(), options()), "x");
});

test("what a text of tpl defines is gone when it ends, also when it fails", () => {
  const text = '{{ tpl `{{ define "h" }}new{{ end }}{{ include "h" . }}` . }}{{ include "h" . }}';
  assert.equal(execute(text), "new[7]");
  assert.equal(execute(text), "new[7]");
});

test("values that are not there leave nothing, and fail where keys must be there", () => {
  assert.equal(execute("a{{ .missing }}b{{ .missing | print }}c"), "ab<nil>c");
  assert.throws(() => execute("{{ .missing }}", { missingKey: "error" }), /map has no entry for key "missing"/);
  assert.equal(execute("{{ .nil }}", { missingKey: "error" }), "<no value>");
});

test("an error names the innermost place, with its column in bytes, and what failed there", () => {
  assert.throws(
    () => execute('é{{ include "bad" . }}'),
    (error) => {
      assert(error instanceof TemplateError);
      assert.deepEqual(error.place, { name: "chart/_helpers.tpl", line: 2, column: 9 });
      assert.equal(error.reason, "nil pointer evaluating interface {}.x");
      assert.match(error.message, /^template: chart\/main.yaml:1:5: executing .* error calling include: template: /);
      return true;
    },
  );
});

test("messages that quote templates which quote templates stay short", () => {
  const nested = `{{ define "again" }}{{ tpl "{{ include \\"again\\" . }}" . }}{{ end }}{{ include "again" . }}`;
  assert.throws(() => execute(nested, { budget: new Budget({ depth: 60 }) }), tooExpensive);
  const failing = `{{ tpl ${JSON.stringify(`{{ fail "x" }}${" ".repeat(50_000)}`)} . }}`;
  assert.throws(
    () => execute(failing),
    (error) =>
      error instanceof TemplateError && error.message.length < 20_000 && error.reason === "error calling fail: x",
  );
});

test("methods are called, with their arguments checked, on structs, named maps and named slices", () => {
  const has = templateFunction(["string"], (_, name) => name === "v1");
  const values = map({
    info: new Struct("*version.Info", {
      fields: new Map([["Major", "1"]]),
      methods: new Map([["String", templateFunction([], () => "v1.30")]]),
      text: "v1.30",
    }),
    versions: new TypedSlice("common.VersionSet", ["v1"], new Map([["Has", has]])),
    files: new TypedMap("engine.files", [["a", "1"]], new Map([["Get", templateFunction(["string"], () => "got")]])),
  });
  const text =
    '{{ .info }} {{ .info.Major }} {{ .info.String }} {{ .versions.Has "v1" }} {{ .files.Get "a" }} {{ .files.a }}';
  assert.equal(execute(text, {}, values), "v1.30 1 v1.30 true got 1");
  assert.throws(() => execute("{{ .versions.Has 1 }}", {}, values), /expected string; found 1/);
  assert.throws(() => execute("{{ (.info).Minor }}", {}, values), /can't evaluate field Minor in type \*version.Info/);
  assert.equal(execute('{{ printf "%+v %d" .info .info }}', {}, values), "v1.30 &{%!d(string=1)}");
});

test("work, output and depth beyond the budget are refused", () => {
  const cases: [string, BudgetLimits][] = [
    ["{{ range 1000000000 }}{{ end }}", { operations: 1_000 }],
    ["{{ range 1000000000 }}0123456789{{ end }}", { output: 1_000 }],
    ['{{ printf "%1000000d" 1 }}', { operations: 1_000 }],
    ['{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}', { depth: 100 }],
    ['{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}', {}],
    ['{{ define "x" }}{{ tpl "{{ include \\"x\\" . }}" . }}{{ end }}{{ include "x" . }}', {}],
  ];
  for (const [text, limits] of cases) {
    assert.throws(() => execute(text, { budget: new Budget(limits) }), tooExpensive, text);
  }
});

test("a budget is shared by all executions it is given to", () => {
  const budget = new Budget({ operations: 100 });
  execute("{{ range 60 }}{{ end }}", { budget });
  assert.throws(() => execute("{{ range 60 }}{{ end }}", { budget }), tooExpensive);
});

test("values that hold themselves, or the same part again and again, are refused when printed", () => {
  assert.throws(() => execute('{{ $_ := set . "self" . }}{{ . }}'), /too large to be printed/);
  const double = `{{ $x := list 1 1 }}${"{{ $x = list $x $x }}".repeat(30)}{{ $x }}`;
  assert.throws(() => execute(double), /too large to be printed/);
});

test("texts nested too deeply are refused", () => {
  for (const depth of [501, 20_000]) {
    assert.throws(() => execute(`{{ ${"(".repeat(depth)}1${")".repeat(depth)} }}`), /depth exceeded/);
    assert.throws(() => execute("{{ if 1 }}".repeat(depth) + "{{ end }}".repeat(depth)), /depth exceeded/);
  }
});

test("random bytes depend on the seed alone", () => {
  const random = new Map([...functions, ["bytes", templateFunction([], (context) => context.random(40))]]);
  const set = parseTemplates([{ name: "t", text: "{{ bytes }}{{ bytes }}" }], random);
  const [first, again] = [set.execute("t", null, options()), set.execute("t", null, options())];
  assert.equal(first, again);
  assert.notEqual(first, set.execute("t", null, { ...options(), seed: "other" }));
  const [, one, two] = /^(\[.*\])(\[.*\])$/.exec(first)!;
  assert.notEqual(one, two);
});

test("bytes are printed as numbers, the same ones each time and others as others", () => {
  const set = parseTemplates([{ name: "t", text: "{{ .a }}{{ .b }}{{ .a }}{{ .none }}" }], functions);
  const values = map({ a: bytes("a\0~\u00ff"), b: bytes("b"), none: bytes("") });
  assert.equal(set.execute("t", values, options()), "[97 0 126 195 191][98][97 0 126 195 191][]");
});

test("an aborted signal stops before anything is executed", () => {
  const set = parseTemplates([{ name: "t", text: "" }], functions);
  assert.throws(() => set.execute("t", null, options(), AbortSignal.abort(new Error("stop"))), /stop/);
});

test("what is no failure of a template is thrown as it is: a bug stays a bug", () => {
  const bug = new TypeError("bug");
  const throwing = templateFunction([], () => {
    throw bug;
  });
  const set = parseTemplates([{ name: "t", text: "{{ f }}" }], new Map([["f", throwing]]));
  assert.throws(() => set.execute("t", null, options()), bug);
});

test("any text is either executed or refused with a template error, and nothing else happens", () => {
  const piece = fc.constantFrom(
    ..."{{|}}|{{- | -}}|/*|*/|(|)|.|$|:=|=|,|\"|`|'|\\|\n| |if |else |end|range |with |define |template |block |break".split(
      "|",
    ),
    ...["|", ".a", "$x", "1", "0x", "-", "é", "😀", '"a"', "print ", "index ", "tpl ", ".list", "{{ . }}"],
  );
  const text = fc
    .array(fc.oneof(piece, fc.string({ unit: "grapheme" })), { maxLength: 30 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (source) => {
      try {
        execute(source, { budget: new Budget({ operations: 10_000 }) });
      } catch (error) {
        if (!(error instanceof TemplateError) && !tooExpensive(error)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
});

test("text without actions is put out as it is", () => {
  const plain = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("{{") && !text.includes("<no value>"));
  fc.assert(fc.property(plain, (text) => assert.equal(execute(text), text)));
});

test("trim markers take all space beside them, up to the next action", () => {
  const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 6 });
  const word = fc.stringMatching(/^[a-z]{0,4}$/);
  fc.assert(
    fc.property(word, space, space, word, (before, left, right, after) => {
      const text = `${before}${left}{{- 1 -}}${right}${after}`;
      assert.equal(execute(text), `${before}1${after}`);
    }),
  );
});

test("what %q writes is read again as the same string", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const literal = execute('{{ printf "%q" . }}', {}, text as Value);
      assert.equal(execute(`{{ print ${literal} }}`), text.replaceAll("<no value>", ""));
    }),
  );
});

test("the fewest digits of a float are read again as the same float", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(Number(execute("{{ . }}", {}, value)), value);
    }),
  );
});

test("a source is parsed once, for however many sets it is part of", () => {
  let read = 0;
  const source = {
    name: "a",
    get text(): string {
      read++;
      return "a";
    },
  };
  parseTemplates([source], functions);
  const once = read;
  const set = parseTemplates([{ name: "b", text: '{{ template "a" }}b' }, source], functions);
  assert.equal(read, once);
  assert.equal(set.execute("b", undefined, options()), "ab");
});
