import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError } from "../../../lib/errors.ts";
import { helmFunctions, sprigFunctions } from "../../../lib/template/functions/index.ts";
import { evaluate, result } from "./evaluate.ts";

const long = new Map([
  ["a", "a".repeat(100_000)],
  ["spaces", " ".repeat(200_000)],
  ["digits", "1".repeat(200_000)],
]);

const costly: readonly string[] = [
  "until 1000000000000",
  "untilStep 0 9223372036854775807 1",
  "seq 1000000000000",
  'repeat 1000000000000 "a"',
  'indent 1000000000000 "a"',
  'replace "a" .a .a',
  "randAlphaNum 1000000000000",
  "randBytes 1000000000000",
  "regexMatch .a .a",
  "uniq (until 100000)",
];

/** Runs work, which must not take long: seconds where it should take milliseconds. */
function quickly<T>(work: () => T): T {
  const start = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 5_000_000);
  return value;
}

for (const expression of costly) {
  test(`${expression} ends the render before it costs anything`, () => {
    quickly(() =>
      assert.throws(
        () => result(expression, long),
        (error) => error instanceof RejectedError && error.code === "TEMPLATE_TOO_EXPENSIVE",
      ),
    );
  });
}

test("expressions that are exponential elsewhere are linear", () => {
  for (const pattern of ["(a+)+$", "(a|aa)+c", "(x+x+)+y", "((a{0,50}){0,50})c"]) {
    assert.equal(
      quickly(() => result(`regexMatch ${JSON.stringify(pattern)} (print .a "b!")`, long)),
      "false",
    );
  }
});

test("long texts are no numbers, versions or constraints that take long to read", () => {
  assert.equal(
    quickly(() => result("int .digits", long)),
    "0",
  );
  assert.equal(
    quickly(() => result("atoi .digits", long)),
    "9223372036854775807",
  );
  assert.equal(
    quickly(() => result("toDecimal .digits", long)),
    "0",
  );
  quickly(() => assert.throws(() => result('semverCompare ">1" .digits', long)));
  assert.equal(
    quickly(() => result("trim .spaces | len", long)),
    "0",
  );
});

test("a map that holds itself ends the render, or is refused", () => {
  const cyclic = (expression: string): string => `{{ $d := dict }}{{ $_ := set $d "self" $d }}{{ ${expression} }}`;
  for (const expression of [
    "deepCopy $d",
    "toToml $d",
    "mustToYaml $d",
    "mustToJson $d",
    'merge $d (dict "self" $d)',
  ]) {
    assert.throws(() => evaluate(cyclic(expression)), RejectedError);
  }
});

test("what is random is the same for the same seed only", () => {
  const expressions = [
    "randAlphaNum 8",
    "uuidv4",
    'bcrypt "x"',
    '(genCA "c" 1).Cert',
    'genPrivateKey "rsa"',
    "randInt 0 1000000",
    'shuffle "abcdefghijkl"',
    'encryptAES "k" "x"',
  ];
  for (const expression of expressions) {
    assert.equal(result(expression), result(expression));
    assert.notEqual(result(expression), result(expression, undefined, { seed: "other" }));
    assert.notEqual(evaluate(`{{ eq (${expression}) (${expression}) }}`), "true");
  }
});

test("time is that of the render, in UTC", () => {
  assert.equal(result("now"), "2024-02-29 12:34:56 +0000 UTC");
  assert.equal(result('now | date "2006-01-02 15:04 MST"'), "2024-02-29 12:34 UTC");
  assert.equal(result('"ignored" | date "15:04"'), "12:34");
  assert.equal(result("htmlDate now"), "2024-02-29");
  assert.equal(result("now | unixEpoch"), "1709210096");
  assert.equal(result('now | dateModify "-26h" | ago'), "26h0m0s");
  assert.equal(result('now | dateModify "-26h" | durationRound'), "1d");
  assert.equal(result('(now.AddDate 1 0 0).Format "2006-01-02"'), "2025-03-01");
});

test("certificates are blocks of PEM", () => {
  const template = `{{ $ca := genCA "ca" 365 }}{{ $c := genSignedCert "a" nil (list "b.c") 365 $ca }}{{ $c.Cert }}{{ $c.Key }}`;
  assert.match(
    evaluate(template),
    /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n/,
  );
  const custom = evaluate(`{{ $ca := genCA "ca" 1 }}{{ (buildCustomCert (b64enc $ca.Cert) (b64enc $ca.Key)).Cert }}`);
  assert.equal(custom, evaluate(`{{ (genCA "ca" 1).Cert }}`));
});

test("nothing of the environment or the network is there", () => {
  const names = new Set([...sprigFunctions().keys(), ...helmFunctions().keys()]);
  for (const name of ["env", "expandenv", "include", "tpl"]) assert.ok(!names.has(name), name);
  assert.equal(result('getHostByName "localhost"'), "");
  assert.equal(result('lookup "v1" "Secret" "" ""'), "map[]");
});

test("lists that functions are given stay as they are, maps change where Go changes them", () => {
  assert.equal(evaluate("{{ $l := list 1 2 }}{{ $m := append $l 3 }}{{ $n := prepend $l 0 }}{{ $l }}"), "[1 2]");
  assert.equal(evaluate('{{ $d := dict "a" 1 }}{{ $e := set $d "b" 2 }}{{ $f := unset $d "a" }}{{ $d }}'), "map[b:2]");
  assert.equal(
    evaluate('{{ $a := dict "x" (dict) }}{{ $b := dict "x" (dict "y" 1) }}{{ $_ := merge $a $b }}{{ $a }}'),
    "map[x:map[y:1]]",
  );
  assert.equal(
    evaluate('{{ $d := dict "a" (dict "b" 1) }}{{ $c := deepCopy $d }}{{ $_ := set $c.a "b" 2 }}{{ $d }}'),
    "map[a:map[b:1]]",
  );
});
