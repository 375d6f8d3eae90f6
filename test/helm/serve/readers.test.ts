import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ChartReader, challengeOf, isReader } from "../../../lib/helm/serve/readers.ts";

const secrets: Readonly<Record<string, string>> = { A: "pass:word", B: "other", T: "token-1", U: "token-2", NONE: "" };
const secretOf = async ({ env }: { env?: string | undefined }) => secrets[env!]!;
const people: readonly ChartReader[] = [
  { user: "anna", secret: { env: "A" } },
  { user: "bert", secret: { env: "B" } },
  { secret: { env: "T" } },
  { secret: { env: "U" } },
];
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
const isKnown = (authorization?: string, readers = people) => isReader(authorization, readers, secretOf);

for (const authorization of [
  basic("anna:pass:word"),
  basic("bert:other"),
  basic("bert:other").replace("Basic", "basic"),
  "Bearer token-1",
  "bearer  token-2 ",
]) {
  test(`${authorization} is let in`, async () => assert.equal(await isKnown(authorization), true));
}

for (const authorization of [
  undefined,
  "",
  "Basic",
  basic("anna:other"),
  basic("bert:pass:word"),
  basic("anna"),
  basic(":other"),
  basic("token-1"),
  basic(":token-1"),
  "Bearer anna:pass:word",
  "Bearer other",
  "Bearer token-3",
  "Bearer ",
  "token-1",
  "Digest token-1",
]) {
  test(`${authorization} is not let in`, async () => assert.equal(await isKnown(authorization), false));
}

test("nothing that somebody thinks up is let in, and nothing breaks", () =>
  fc.assert(fc.asyncProperty(fc.string(), async (text) => assert.equal(await isKnown(text), false))));

test("a reader whose secret is empty lets nobody in", async () => {
  const readers: readonly ChartReader[] = [...people, { user: "carl", secret: { env: "NONE" } }];
  for (const authorization of [basic("carl:"), basic("anna:pass:word")]) {
    await assert.rejects(isKnown(authorization, readers), { code: "CONFIG_INVALID" });
  }
});

test("the challenge names the ways there are", () => {
  assert.equal(challengeOf(people), 'Basic realm="charts", charset="UTF-8", Bearer realm="charts"');
  assert.equal(challengeOf(people.slice(0, 1)), 'Basic realm="charts", charset="UTF-8"');
  assert.equal(challengeOf(people.slice(2)), 'Bearer realm="charts"');
});
