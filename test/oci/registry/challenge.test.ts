import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChallenges } from "../../../lib/oci/registry/challenge.ts";

const parse = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test("a bearer challenge keeps the commas inside its scope", () => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
  assert.deepEqual(parse(header), [
    [
      "bearer",
      { realm: "https://auth.docker.io/token", service: "registry.docker.io", scope: "repository:a/b:pull,push" },
    ],
  ]);
});

test("several challenges stand in one header, whatever their order and case", () => {
  assert.deepEqual(parse('NEGOTIATE, BASIC Realm="a, b", charset="UTF-8" , bearer realm="https://x/t"'), [
    ["negotiate", {}],
    ["basic", { realm: "a, b", charset: "UTF-8" }],
    ["bearer", { realm: "https://x/t" }],
  ]);
});

test("a challenge may carry a token68 instead of parameters", () => {
  assert.deepEqual(parse('NTLM TlRMTVNTUAAC==, Basic realm="x"'), [
    ["ntlm", {}],
    ["basic", { realm: "x" }],
  ]);
});

test("quoted strings may hold escaped quotes, and spaces may surround the equals sign", () => {
  assert.deepEqual(parse('Bearer realm = "a\\"b\\\\c" , error="invalid_token"'), [
    ["bearer", { realm: 'a"b\\c', error: "invalid_token" }],
  ]);
});

test("an address that somebody forgot to quote is read", () => {
  assert.deepEqual(parse("Bearer realm=https://x.example/token,service=x"), [
    ["bearer", { realm: "https://x.example/token", service: "x" }],
  ]);
});

test("what follows a syntax error is ignored", () => {
  assert.deepEqual(parse('Basic realm="x", @@@ Bearer realm="y"'), [["basic", { realm: "x" }]]);
  assert.deepEqual(parse('Basic realm="never closed'), [["basic", {}]]);
});

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const challenge = fc.record({
  scheme: token,
  parameters: fc.uniqueArray(fc.tuple(token, fc.string()), { selector: ([name]) => name, maxLength: 4 }),
});

test("what is written by the rules is read back", () => {
  const quote = (text: string) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
      const header = challenges
        .map(({ scheme, parameters }) => `${scheme} ${parameters.map(([n, v]) => `${n}=${quote(v)}`).join(", ")}`)
        .join(", ");
      assert.deepEqual(
        parse(header),
        challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
      );
    }),
  );
});

test("any text is read without failing", () => {
  const text = fc.string({ unit: fc.constantFrom(...'aB=",\\ /:;@\t'.split("")), maxLength: 200 });
  fc.assert(fc.property(text, (header) => Array.isArray(parseChallenges(header))));
});
