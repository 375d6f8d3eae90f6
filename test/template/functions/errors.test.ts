import assert from "node:assert/strict";
import { test } from "node:test";
import { TemplateError } from "../../../lib/template/index.ts";
import { result } from "./evaluate.ts";

/** Expressions that fail, and what helm 4.1.4 says after "error calling NAME: ". */
const failing: readonly (readonly [expression: string, message: string])[] = [
  ['fail "no"', "no"],
  ['required "needed" nil', "needed"],
  ['required "needed" ""', "needed"],
  ["div 1 0", "runtime error: integer divide by zero"],
  ["mod 1 0", "runtime error: integer divide by zero"],
  ["divf 1 0", "decimal division by 0"],
  ['first "abc"', "Cannot find first on type string"],
  ["last (dict)", "Cannot find last on type map"],
  ["rest 1", "Cannot find rest on type int"],
  ['append "a" 1', "Cannot push on type string"],
  ['mustPrepend "a" 1', "Cannot prepend on type string"],
  ['has 1 "a"', "Cannot find has on type string"],
  ['slice "a"', "list should be type of slice or array but string"],
  ["slice (list 1) 2", "reflect.Value.Slice: slice index out of bounds"],
  ['concat (list) "a"', "Cannot concat type string as list"],
  ['chunk 2 "a"', "Cannot chunk type string"],
  ["first nil", "runtime error: invalid memory address or nil pointer dereference"],
  ['substr 3 2 "hello"', "runtime error: slice bounds out of range [3:2]"],
  ['substr -1 9 "hello"', "runtime error: slice bounds out of range [:9] with length 5"],
  ['repeat -1 "a"', "strings: negative Repeat count"],
  ['dig "a" (dict)', "dig needs at least three arguments"],
  ['dig "a" "b" "d" (dict "a" 1)', "interface conversion: interface {} is int, not map[string]interface {}"],
  ['dig "a" "d" "x"', "interface conversion: interface {} is string, not map[string]interface {}"],
  ['regexFind "[" "a"', "regexp: Compile(`[`): error parsing regexp: missing closing ]: `[`"],
  ['mustRegexMatch "(" "a"', "error parsing regexp: missing closing ): `(`"],
  [
    'regexReplaceAll "a**" "a" "b"',
    "regexp: Compile(`a**`): error parsing regexp: invalid nested repetition operator: `**`",
  ],
  ['semverCompare "a" "1.0.0"', "improper constraint: a"],
  ['semverCompare ">1" "a"', "invalid semantic version"],
  ['semver "1.2.3-01"', "version segment starts with 0"],
  ['urlParse ":x"', 'unable to parse url: parse ":x": missing protocol scheme'],
  ['urlParse "http://a b"', 'unable to parse url: parse "http://a b": invalid character " " in host name'],
  ['urlParse "/%zz"', 'unable to parse url: parse "/%zz": invalid URL escape "%zz"'],
  ['urlJoin (dict "host" 1)', "unable to parse host key, must be of type string, but int found"],
  ['mustToDate "2006-01-02" "x"', 'parsing time "x" as "2006-01-02": cannot parse "x" as "2006"'],
  ['mustToDate "2006-01-02" "2020-02-30"', 'parsing time "2020-02-30": day out of range'],
  ['buildCustomCert "!" "!"', "unable to decode base64 certificate"],
  ['genSelfSignedCert "a" (list 1) (list) 1', "error parsing ip: 1 is not a string"],
  ['decryptAES "k" "YWJj"', "runtime error: slice bounds out of range [:16] with capacity 3"],
];

for (const [expression, message] of failing) {
  test(`${expression} fails as in Go`, () => {
    assert.throws(
      () => result(expression),
      (error) =>
        error instanceof TemplateError &&
        error.message.endsWith(`error calling ${/\w+/.exec(expression)?.[0]}: ${message}`),
    );
  });
}

test("int and int64 are different types for functions that want an int", () => {
  const wrong = (expression: string, type: string): void =>
    assert.throws(() => result(expression), { message: new RegExp(`wrong type for value; expected int; got ${type}`) });
  wrong("until (add 1 2)", "int64");
  wrong('repeat (int64 2) "x"', "int64");
  wrong('nindent (mul 2 2) "x"', "int64");
  wrong("until (floor 2.5)", "float64");
  assert.equal(result("until (int (add 1 2))"), "[0 1 2]");
});

test("readers put what is wrong into their result", () => {
  assert.match(result('fromYaml "a: ["'), /^map\[Error:error converting YAML to JSON: yaml: line 1: /);
  assert.equal(
    result('fromYaml "- a"'),
    "map[Error:error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}]",
  );
  assert.match(result('fromYamlArray "a: ["'), /^\[error converting YAML to JSON: yaml: line 1: /);
  assert.equal(
    result('fromJson "[1]"'),
    "map[Error:json: cannot unmarshal array into Go value of type map[string]interface {}]",
  );
  assert.equal(result('fromJsonArray "{}"'), "[json: cannot unmarshal object into Go value of type []interface {}]");
  assert.match(result('fromToml "a = "'), /^map\[Error:toml: line 1: /);
  assert.equal(result('toToml (dict "a" (list nil))'), "toml: cannot encode array with nil element");
});

test("writers without must are silent", () => {
  assert.equal(result('toYaml (float64 "nan")'), "");
  assert.equal(result('toJson (float64 "nan")'), "");
  assert.throws(() => result('mustToJson (float64 "nan")'), /json: unsupported value: NaN/);
});
