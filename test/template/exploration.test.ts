import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BranchText,
  Budget,
  Exploration,
  type ExplorationOptions,
  parseTemplates,
  pathsOf,
  type Value,
  type ValueMap,
} from "../../lib/template/index.ts";
import { functions, map, options } from "./go.ts";

interface Explored {
  readonly output: string;
  readonly branches: readonly BranchText[];
  readonly exploration: Exploration;
  readonly values: ValueMap;
}

function explore(text: string, more: Partial<ExplorationOptions> = {}, other: Record<string, Value> = {}): Explored {
  const values = map({
    on: true,
    off: false,
    kind: "a",
    web: map({ enabled: false, image: "web:1", sidecars: [] }),
    "a-b": map({ c: false }),
    ...other,
  });
  const branches: BranchText[] = [];
  const exploration = new Exploration({ report: (branch) => branches.push(branch), pathOf: pathsOf(values), ...more });
  const set = parseTemplates([{ name: "t", text }], functions);
  const output = set.execute("t", map({ Values: values }), { ...options(), exploration });
  return { output, branches, exploration, values };
}

const texts = ({ branches }: Explored): unknown[] =>
  branches.map(({ text, conditions }) => [text, ...conditions.map((condition) => condition.text)]);

const formulas = (text: string): unknown =>
  explore(text)
    .branches.at(-1)!
    .conditions.map(({ formula }) => formula);

test("the side of an if that is not taken is reported with its condition, and not put out", () => {
  const explored = explore("{{ if .Values.web.enabled }}x{{ else }}y{{ end }}{{ if .Values.on }}1{{ else }}2{{ end }}");
  assert.equal(explored.output, "y1");
  assert.deepEqual(texts(explored), [
    ["x", ".Values.web.enabled"],
    ["2", "not (.Values.on)"],
  ]);
});

test("with and range over nothing are explored once, with a dot that is not there", () => {
  const explored = explore(
    "{{ with .Values.none }}[{{ .image }}]{{ end }}{{ range $i, $s := .Values.web.sidecars }}({{ $s.image }}{{ .x }}){{ end }}",
  );
  assert.equal(explored.output, "");
  assert.deepEqual(texts(explored), [
    ["[<no value>]", "with .Values.none"],
    ["(<no value><no value>)", "range $i, $s := .Values.web.sidecars"],
  ]);
});

test("branches within branches carry all conditions, and the inner ones are reported first", () => {
  const explored = explore("{{ if .Values.off }}a{{ if .Values.web.enabled }}b{{ else }}c{{ end }}{{ end }}");
  assert.deepEqual(texts(explored), [
    ["b", ".Values.off", ".Values.web.enabled"],
    ["ac", ".Values.off"],
  ]);
});

test("what stands before a branch on its line is told", () => {
  const { branches } = explore("x: 1\nimage: {{ if .Values.off }}a{{ else }}b{{ end }}");
  assert.deepEqual([branches[0]!.before, branches[0]!.text], ["image: ", "a"]);
  assert.deepEqual(branches[0]!.conditions[0]!.place, { name: "t", line: 2, column: 13 });
});

test("named templates are explored where they are called", () => {
  const explored = explore(
    '{{ define "pod" }}p{{ if .Values.off }}x{{ end }}{{ end }}{{ include "pod" . }}{{ tpl "{{ if .Values.off }}y{{ end }}" . }}',
  );
  assert.equal(explored.output, "p");
  assert.deepEqual(texts(explored), [
    ["x", ".Values.off"],
    ["y", ".Values.off"],
  ]);
});

test("what a branch that is not taken does to variables and maps is undone", () => {
  const explored = explore(
    '{{ $x := 1 }}{{ if .Values.off }}{{ $x = 2 }}{{ $y := 3 }}{{ $_ := set .Values.web "image" "w" }}{{ set .Values "n" 1 }}{{ end }}{{ $x }}{{ .Values.web.image }}{{ .Values.n }}',
  );
  assert.equal(explored.output, "1web:1");
  assert.deepEqual([...explored.values.keys()], ["on", "off", "kind", "web", "a-b"]);
});

test("what a condition reads is told by where its variable is from, whatever a branch before assigned to it", () => {
  const text = (assign: string): string =>
    `{{ $x := .Values.web }}{{ if .Values.off }}${assign}{{ end }}{{ if $x.enabled }}y{{ end }}`;
  assert.deepEqual(formulas(text("{{ $x = .Values.kind }}")), formulas(text("")));
});

test("what the branches taken do to maps stays, also while others are explored", () => {
  const explored = explore('{{ if .Values.off }}x{{ end }}{{ $_ := set .Values "n" 5 }}{{ .Values.n }}');
  assert.equal(explored.output, "5");
  assert.equal(explored.values.get("n"), 5n);
});

test("a statement that fails in an explored branch is counted and passed over; elsewhere it fails", () => {
  const text = '{{ if .Values.off }}a{{ fail "no" }}b{{ $z := fail "no" }}{{ $z }}{{ .Values.none.x }}c{{ end }}';
  const explored = explore(text);
  assert.deepEqual(texts(explored), [["ab<no value>c", ".Values.off"]]);
  assert.equal(explored.exploration.errors, 3);
  assert.throws(() => explore('a{{ fail "no" }}b'), /error calling fail: no/);
  assert.equal(explore('a{{ fail "no" }}b', { tolerant: true }).output, "ab");
});

test("an outcome does not depend on whether branches are explored", () => {
  const text =
    '{{ define "r" }}{{ if .Values.off }}{{ include "r" . }}{{ end }}r{{ end }}{{ include "r" . }}{{ range 3 }}{{ if $.Values.off }}{{ break }}{{ end }}{{ . }}{{ end }}';
  assert.equal(explore(text).output, "r012");
});

test("exploring is bounded per branch, in depth and by a budget of its own", () => {
  const loop = "{{ range 100 }}{{ if $.Values.off }}x{{ end }}{{ end }}";
  assert.equal(explore(loop).branches.length, 3);
  assert.equal(explore(loop, { visits: 7 }).branches.length, 7);
  const nested = `${"{{ if .Values.off }}x".repeat(20)}${"{{ end }}".repeat(20)}`;
  assert.equal(explore(nested, { depth: 5 }).branches.length, 5);
  const endless = explore("{{ if .Values.off }}{{ range 1000000000 }}x{{ end }}{{ end }}done", {
    budget: new Budget({ operations: 1_000 }),
  });
  assert.equal(endless.output, "done");
  assert.equal(endless.exploration.exhausted, true);
});

test("branches whose source is not worth it are left out", () => {
  const explored = explore("{{ if .Values.off }}image: a{{ end }}{{ if .Values.off }}name: b{{ end }}", {
    consider: (source) => source.includes("image"),
  });
  assert.deepEqual(texts(explored), [["image: a", ".Values.off"]]);
});

test("conditions are read as formulas over paths of the values", () => {
  const path = (...keys: string[]) => ({ path: keys });
  const set = (...keys: string[]) => ({ kind: "true", of: path(...keys) });
  const equals = (name: string, ...operands: unknown[]) => ({ kind: "call", name, operands });
  const cases: [string, unknown][] = [
    [".Values.web.enabled", set("web", "enabled")],
    ["and .Values.off (not .Values.on)", { kind: "all", of: [set("off"), { kind: "not", of: set("on") }] }],
    ["or .Values.off (.Values.none).deep", { kind: "any", of: [set("off"), set("none", "deep")] }],
    ['eq .Values.kind "b"', equals("eq", path("kind"), { constant: "b" })],
    ['.Values.kind | eq "b"', equals("eq", { constant: "b" }, path("kind"))],
    ["gt (len .Values.web.sidecars) 2", equals("gt", path("web", "sidecars"), { constant: 2n })],
    ['ne (printf "%s" .Values.kind) "a"', equals("ne", path("kind"), { constant: "a" })],
    ['ne (printf "%s-" .Values.kind) "a-"', equals("ne", { text: '(printf "%s-" .Values.kind)' }, { constant: "a-" })],
    ['eq (upper .Values.kind) "B"', equals("eq", { text: "(upper .Values.kind)" }, { constant: "B" })],
    ["default false .Values.off", set("off")],
    ['index .Values "a-b" "c"', set("a-b", "c")],
    [
      "(.Values.none | default .Values.web).x",
      { kind: "true", of: { text: "(.Values.none | default .Values.web).x" } },
    ],
    ["$.Values.off", set("off")],
    ["not .Values.on", { kind: "not", of: set("on") }],
  ];
  for (const [condition, formula] of cases) {
    assert.deepEqual(formulas(`{{ if ${condition} }}x{{ end }}`), [formula], condition);
  }
});

test("a path is found through with, variables, and what named templates are given", () => {
  const enabled = [{ kind: "true", of: { path: ["web", "enabled"] } }];
  for (const text of [
    "{{ with .Values.web }}{{ if .enabled }}x{{ end }}{{ end }}",
    "{{ $web := .Values.web }}{{ if $web.enabled }}x{{ end }}",
    "{{ $on := .Values.web.enabled }}{{ if $on }}x{{ end }}",
    "{{ with $on := .Values.on }}{{ end }}{{ with $web := .Values.web }}{{ if $web.enabled }}x{{ end }}{{ end }}",
    '{{ define "n" }}{{ if .enabled }}x{{ end }}{{ end }}{{ include "n" .Values.web }}',
    "{{ if (.Values.web).enabled }}x{{ end }}",
  ]) {
    assert.deepEqual(formulas(text), enabled, text);
  }
  assert.deepEqual(formulas("{{ $on := .Values.on }}{{ if not $on }}x{{ end }}"), [
    { kind: "not", of: { kind: "true", of: { path: ["on"] } } },
  ]);
});

test("a variable of another block that takes the same place has no path of the one before", () => {
  const text =
    "{{ if .Values.on }}{{ $a := .Values.on }}{{ end }}{{ range list false }}{{ $b := . }}{{ if $b }}x{{ end }}{{ end }}";
  assert.deepEqual(formulas(text), [{ kind: "true", of: { text: "$b" } }]);
  const assigned = "{{ $a := .Values.off }}{{ $a = list }}{{ if $a }}x{{ end }}";
  assert.deepEqual(formulas(assigned), [{ kind: "true", of: { text: "$a" } }]);
});

test("equal texts are explored for each of their files", () => {
  const text = '{{ define "unused" }}{{ end }}{{ if .off }}x{{ end }}';
  const branches: BranchText[] = [];
  const exploration = new Exploration({ report: (branch) => branches.push(branch), visits: 1 });
  const set = parseTemplates(
    ["a", "b", "a2"].map((name) => ({ name, text: name === "a2" ? `${text} ` : text })),
    functions,
  );
  for (const name of ["a", "b", "a2", "a"]) set.execute(name, map({ off: false }), { ...options(), exploration });
  assert.deepEqual(
    branches.map(({ conditions }) => conditions[0]!.place.name),
    ["a", "b", "a2"],
  );
});

test("without anybody to report to no branch is explored, and failures are passed over", () => {
  const exploration = new Exploration({ tolerant: true });
  const set = parseTemplates([{ name: "t", text: '{{ if false }}a{{ end }}{{ fail "x" }}b' }], functions);
  assert.equal(set.execute("t", undefined, { ...options(), exploration }), "b");
  assert.deepEqual([exploration.branches, exploration.errors], [0, 1]);
});
