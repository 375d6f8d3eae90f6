import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError } from "../../lib/errors.ts";
import { parseEvent } from "../../lib/events/index.ts";
import { readDistribution, requireSecret } from "../../lib/webhooks/index.ts";

const digest = `sha256:${"f".repeat(64)}`;
const type = "application/vnd.docker.distribution.events.v1+json";

/** The documented fields of https://distribution.github.io/distribution/about/notifications/ */
const push = (target: object = {}, rest: object = {}) => ({
  id: "320678d8-ca14-430f-8bb6-4ca139cd83f7",
  timestamp: "2016-03-09T14:44:26.402973972-08:00",
  action: "push",
  target: {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest,
    size: 708,
    length: 708,
    repository: "team/lantern",
    url: `http://192.168.100.227:5000/v2/team/lantern/manifests/${digest}`,
    tag: "1.2.0_b7",
    ...target,
  },
  request: { id: "6df2", addr: "192.168.64.11:42961", host: "192.168.100.227:5000", method: "PUT", useragent: "helm" },
  actor: {},
  source: { addr: "xtal.local:5000", instanceID: "a53db899" },
  ...rest,
});
const read = (...events: unknown[]) => readDistribution(type, Buffer.from(JSON.stringify({ events })));

for (const version of ["v1", "v2"]) {
  test(`a push of events ${version} becomes artifact.pushed with what triggers filter on`, () => {
    const body = Buffer.from(JSON.stringify({ events: [push()] }));
    const { events } = readDistribution(
      `application/vnd.docker.distribution.events.${version}+json; charset=utf-8`,
      body,
    );
    const [event] = events;
    assert.equal(event?.type, "dev.stowage.artifact.pushed.v1");
    assert.equal(event.source, "https://192.168.100.227:5000");
    assert.equal(event.subject, "team/lantern:1.2.0_b7");
    assert.deepEqual(event.extensions, {
      registry: "192.168.100.227:5000",
      repository: "team/lantern",
      tag: "1.2.0_b7",
      digest,
      artifactkind: "unknown",
    });
    assert.deepEqual(parseEvent(event).data, event.data);
  });
}

test("the same notification sent again gives the same event, another one another", () => {
  assert.equal(read(push()).events[0]?.id, read(push()).events[0]?.id);
  assert.notEqual(read(push()).events[0]?.id, read(push({}, { id: "other" })).events[0]?.id);
});

test("references tell a chart from an image", () => {
  const kind = (mediaType: string) =>
    read(push({ references: [{ mediaType, digest, size: 1 }] })).events[0]?.extensions["artifactkind"];
  assert.equal(kind("application/vnd.cncf.helm.config.v1+json"), "chart");
  assert.equal(kind("application/vnd.oci.image.config.v1+json"), "image");
  assert.equal(kind("application/vnd.example+json"), "unknown");
});

test("deletions of a tag, a manifest and a repository become artifact.deleted", () => {
  const deleted = (target: object) =>
    read({ ...push(), action: "delete", target: { repository: "team/lantern", ...target } }).events[0];
  assert.equal(deleted({ tag: "1.0.0" })?.subject, "team/lantern:1.0.0");
  assert.equal(deleted({ digest })?.subject, `team/lantern@${digest}`);
  assert.equal(deleted({})?.subject, "team/lantern");
  assert.equal(deleted({})?.type, "dev.stowage.artifact.deleted.v1");
});

test("pulls, blobs and manifests without a tag lead to no event and say why", () => {
  const { events, ignored } = read(
    push({}, { action: "pull" }),
    push({ mediaType: "application/octet-stream" }),
    push({ tag: undefined }),
    push({ repository: "../escape" }),
    push({ tag: "../escape" }),
    { id: "x" },
    null,
  );
  assert.deepEqual(events, []);
  assert.equal(ignored.length, 7);
  assert.match(ignored[0]!, /^events\.0: action pull/);
});

test("one bad notification does not stop the others of its envelope", () => {
  assert.equal(read({ id: "broken" }, push()).events.length, 1);
});

for (const [what, contentType, body] of [
  ["another content type", "application/json", "{}"],
  ["no content type", undefined, "{}"],
  ["no JSON", type, "{"],
  ["no envelope", type, "[]"],
  ["more than 1000 events", type, JSON.stringify({ events: Array(1001).fill(null) })],
] as const) {
  test(`${what} is refused as a whole`, () => {
    assert.throws(
      () => readDistribution(contentType, Buffer.from(body)),
      (error) => error instanceof RejectedError && error.code === "WEBHOOK_INVALID",
    );
  });
}

test("requireSecret() takes the secret, bare or as bearer token, and nothing else", () => {
  const secret = "correct horse battery staple";
  requireSecret(secret, secret);
  requireSecret(`Bearer ${secret}`, secret);
  for (const given of [undefined, "", "Bearer ", "Bearer wrong", `${secret}x`, secret.slice(1), `Basic ${secret}`]) {
    assert.throws(
      () => requireSecret(given, secret),
      (error) =>
        error instanceof RejectedError && error.code === "WEBHOOK_UNAUTHENTICATED" && !error.message.includes(secret),
    );
  }
});

test("requireSecret() fails closed when the configured secret is empty or short", () => {
  for (const secret of ["", "short"])
    assert.throws(() => requireSecret(secret, secret), { code: "WEBHOOK_UNAUTHENTICATED" });
});
