import assert from "node:assert/strict";
import { test } from "node:test";
import { type Delivery, receive, webhookKinds } from "../../lib/webhooks/index.ts";
import { type Kind, proven, SECRET, sample, samplesOf, sourceOf } from "./deliveries.ts";

const OTHER = "another secret of some length";
const kinds = Object.keys(webhookKinds) as readonly Kind[];
const unauthenticated = { code: "WEBHOOK_UNAUTHENTICATED" };

function delivery(kind: Kind, secret?: string): Delivery {
  const { headers, body } = sample(samplesOf(kind)[0]!);
  return proven(kind, headers, Buffer.from(JSON.stringify(body)), secret);
}

for (const kind of kinds) {
  const source = sourceOf(kind);

  test(`${kind}: either of two secrets lets in, no other does`, () => {
    receive(source, delivery(kind), [SECRET]);
    receive(source, delivery(kind), [OTHER, SECRET]);
    receive(source, delivery(kind), [SECRET, OTHER]);
    assert.throws(() => receive(source, delivery(kind), [OTHER]), unauthenticated);
    assert.throws(() => receive(source, delivery(kind), [OTHER, `${SECRET}x`]), unauthenticated);
  });

  test(`${kind}: without proof nothing is parsed, and what is refused does not show the secret`, () => {
    const { headers } = sample(samplesOf(kind)[0]!);
    for (const body of [Buffer.from("{"), Buffer.alloc(0)]) {
      assert.throws(
        () => receive(source, { headers, body }, [SECRET]),
        (error: Error & { code: string }) =>
          error.code === "WEBHOOK_UNAUTHENTICATED" && !JSON.stringify({ ...error, m: error.message }).includes(SECRET),
      );
    }
  });

  test(`${kind}: with no secret, an empty or a short one nobody is let in, not even who knows it`, () => {
    for (const secrets of [[], [""], ["short"], [SECRET, "short"]]) {
      assert.throws(() => receive(source, delivery(kind, secrets.at(-1)), secrets), { code: "CONFIG_INVALID" });
    }
  });

  test(`${kind}: the proof of another kind is none`, () => {
    for (const other of kinds.filter((each) => webhookKinds[each].proof.by !== webhookKinds[kind].proof.by)) {
      const { headers, body } = sample(samplesOf(kind)[0]!);
      const wrong = proven(other, headers, Buffer.from(JSON.stringify(body)));
      assert.throws(() => receive(source, wrong, [SECRET]), unauthenticated);
    }
  });
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;

test("Authorization carries the secret bare, as bearer token or as the password of Basic", () => {
  const { headers, body } = delivery("zot");
  const given = (authorization: string) => () =>
    receive(sourceOf("zot"), { headers: { ...headers, authorization }, body }, [SECRET]);
  for (const right of [SECRET, `Bearer ${SECRET}`, `bearer  ${SECRET}`, basic(`zot:${SECRET}`), basic(`:${SECRET}`)]) {
    assert.doesNotThrow(given(right), right);
  }
  for (const wrong of [
    "",
    "Bearer ",
    `${SECRET}x`,
    SECRET.slice(1),
    SECRET.toUpperCase(),
    `Basic ${SECRET}`,
    basic(SECRET),
    basic(`${SECRET}:`),
    basic(`a:b:${SECRET}`),
  ]) {
    assert.throws(given(wrong), unauthenticated, wrong);
  }
});

test("a password of Basic may hold colons", () => {
  const secret = "with:colons:in the middle";
  const { headers, body } = delivery("zot");
  receive(sourceOf("zot"), { headers: { ...headers, authorization: basic(`zot:${secret}`) }, body }, [secret]);
});

test("a signature is over every byte of the body", () => {
  for (const kind of ["github", "gitea"] as const) {
    const signed = delivery(kind);
    const body = Buffer.concat([signed.body, Buffer.from(" ")]);
    assert.throws(() => receive(sourceOf(kind), { ...signed, body }, [SECRET]), unauthenticated);
  }
});

test("a signature that is empty, short or no hex is none", () => {
  const { headers, body } = delivery("github");
  const signature = String(headers["x-hub-signature-256"]);
  for (const wrong of [
    "",
    "sha256=",
    signature.slice(0, -2),
    `${signature}00`,
    `sha256=${"z".repeat(64)}`,
    `sha1=${"0".repeat(40)}`,
  ]) {
    const forged = { headers: { ...headers, "x-hub-signature-256": wrong }, body };
    assert.throws(() => receive(sourceOf("github"), forged, [SECRET]), unauthenticated);
  }
});

test("Gitea's GitHub-compatible and Forgejo's header count, but none stands in for a wrong one", () => {
  const { headers, body } = delivery("gitea");
  const { "x-gitea-signature": signature, ...bare } = headers as Record<string, string>;
  const read = (more: object) => () => receive(sourceOf("gitea"), { headers: { ...bare, ...more }, body }, [SECRET]);
  assert.doesNotThrow(read({ "x-hub-signature-256": `sha256=${signature}` }));
  assert.doesNotThrow(read({ "x-forgejo-signature": signature }));
  assert.throws(
    read({ "x-gitea-signature": "0".repeat(64), "x-hub-signature-256": `sha256=${signature}` }),
    unauthenticated,
  );
});

test("a secret in the path is percent-decoded; a path that cannot be is no proof", () => {
  const { headers, body } = delivery("quay");
  const read = (pathSecret?: string) => () => receive(sourceOf("quay"), { headers, body, pathSecret }, [SECRET]);
  assert.doesNotThrow(read(encodeURIComponent(SECRET)));
  for (const wrong of [undefined, "", "%", "%ff", `${encodeURIComponent(SECRET)}/`])
    assert.throws(read(wrong), unauthenticated);
});
