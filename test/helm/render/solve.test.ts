import assert from "node:assert/strict";
import { test } from "node:test";
import { settingText } from "../../../lib/helm/render/setting.ts";
import { solve } from "../../../lib/helm/render/solve.ts";
import { at } from "../../../lib/helm/render/switches.ts";
import type { Formula, FormulaOperand, Value } from "../../../lib/template/index.ts";
import { readYaml } from "../../../lib/yaml/index.ts";

const values = readYaml(`
active: true
idle: false
kind: a
none: ""
size: 3
list: []
two: [p, q]
map: {}
deep: { idle: false }
`) as Map<string, Value>;

const path = (dotted: string): FormulaOperand => ({ path: dotted.split(".") });
const set = (dotted: string): Formula => ({ kind: "true", of: path(dotted) });
const not = (of: Formula): Formula => ({ kind: "not", of });
const all = (...of: Formula[]): Formula => ({ kind: "all", of });
const any = (...of: Formula[]): Formula => ({ kind: "any", of });
const call = (name: string, ...operands: (string | Value[])[]): Formula => ({
  kind: "call",
  name,
  operands: operands.map((each) => (typeof each === "string" ? path(each) : { constant: each[0] })),
});

/** A formula that does not hold, and the settings with which it does: one line for each way. */
const solved: readonly (readonly [string, Formula, readonly string[]])[] = [
  ["a switch", set("idle"), ["idle=true"]],
  ["a text that is empty", set("none"), ["--set-string none=x"]],
  ["a list that is empty", set("list"), ['--set-json list=["x"]', '--set-json list=[{"x":{"x":"x"}}]']],
  ["a map that is empty", set("map"), ['--set-json map={"x":"x"}', '--set-json map={"x":{"x":{"x":"x"}}}']],
  ["what is not there", set("new.thing"), ["new.thing=true", "--set-string new.thing=x"]],
  ["not a switch", not(set("active")), ["active=false"]],
  ["not a text", not(set("kind")), ["--set-string kind="]],
  ["not a number", not(set("size")), ["size=0"]],
  ["not a list", not(set("two")), ["--set-json two=[]"]],
  ["not a map", not(set("deep")), ["deep=null"]],
  ["two at once", all(set("idle"), set("deep.idle")), ["idle=true deep.idle=true"]],
  [
    "several that are not there, all in the same way",
    all(set("a"), set("b")),
    ["a=true b=true", "--set-string a=x --set-string b=x"],
  ],
  ["either", any(set("idle"), set("none")), ["idle=true", "--set-string none=x"]],
  ["not both", not(all(set("active"), set("kind"))), ["active=false", "--set-string kind="]],
  ["neither", not(any(set("active"), set("kind"))), ["active=false --set-string kind="]],
  ["equal", call("eq", "kind", ["b"]), ["--set-string kind=b"]],
  ["equal to one of several", call("eq", "kind", ["b"], ["c"]), ["--set-string kind=b", "--set-string kind=c"]],
  ["equal to a number", call("eq", [5n], "size"), ["size=5"]],
  ["not equal", call("ne", "kind", ["a"]), ["--set-string kind=x"]],
  ["equal to none of several", all(call("ne", "kind", ["a"]), call("ne", "kind", ["b"])), ["--set-string kind=x"]],
  ["set, and equal", all(set("none"), call("eq", "none", ["b"])), ["--set-string none=b"]],
  ["equal, and set", all(call("eq", "none", ["b"]), set("none")), ["--set-string none=b"]],
  ["not equal to a switch", call("ne", "active", [true]), ["active=false"]],
  ["more", call("gt", "size", [3n]), ["size=4"]],
  ["less, written the other way", call("gt", [3n], "size"), ["size=2"]],
  ["at most", not(call("gt", "size", [2n])), ["size=1"]],
  ["a list of some length", call("gt", "list", [1n]), ['--set-json list=["x0","x1"]']],
  ["a list that has something", call("has", ["r"], "two"), ['--set-json two=["p","q","r"]']],
  ["a map that has a key", call("hasKey", "map", ["k"]), ["map.k=true"]],
  ["a text that holds another", call("contains", ["b"], "kind"), ["--set-string kind=b"]],
  ["an API version", call(".Capabilities.APIVersions.Has", ["acme.io/v1"]), ["--api-versions acme.io/v1"]],
  [
    "a global value, as a subchart sees it",
    set("deep.global.fips"),
    ["global.fips=true", "--set-string global.fips=x"],
  ],
];

const unsolved: readonly (readonly [string, Formula])[] = [
  ["what contradicts itself", all(call("eq", "kind", ["b"]), call("eq", "kind", ["c"]))],
  ["a constant", { kind: "true", of: { constant: false } }],
  ["what only its text describes", { kind: "true", of: { text: "$x" } }],
  ["two values that are compared", call("eq", "kind", "none")],
  ["a function that nobody knows", call("semverCompare", [">=9"], "kind")],
  ["an item of a list", { kind: "true", of: { path: ["two", 0, "on"] } }],
  ["no API version", not(call(".Capabilities.APIVersions.Has", ["v1"]))],
  ["a list too long to be worth a try", call("gt", "list", [1_000_000_000_000n])],
  ["one that cannot be solved beside one that can", all(set("idle"), { kind: "true", of: { text: "$x" } })],
];

const ways = (...formulas: Formula[]): readonly string[] =>
  solve(formulas, (where) => at(values, where)).map((settings) => settings.map(settingText).join(" "));

for (const [what, formula, expected] of solved)
  test(`solved: ${what}`, () => assert.deepEqual(ways(formula), expected));

for (const [what, formula] of unsolved) test(`not solved: ${what}`, () => assert.deepEqual(ways(formula), []));

test("what holds already needs nothing", () => {
  for (const formula of [set("active"), not(set("idle")), call("ne", "kind", ["b"]), all()])
    assert.deepEqual(ways(formula), [""]);
});

test("all formulas have to hold; ways beyond a handful are left out", () => {
  assert.deepEqual(ways(set("idle"), not(set("active"))), ["idle=true active=false"]);
  const many = any(...Array.from({ length: 20 }, (_, i) => call("eq", "kind", [`k${i}`])));
  assert.equal(ways(many).length, 4);
});
