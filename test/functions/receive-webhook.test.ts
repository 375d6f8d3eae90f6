import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import receiveWebhook from "../../functions/receive-webhook.ts";
import { Harness } from "./harness.ts";

const SECRET = "correct horse battery staple";
const directory = await mkdtemp(join(tmpdir(), "stowage-webhook-"));
after(() => rm(directory, { recursive: true, force: true }));
const secretFile = join(directory, "secret");
await writeFile(secretFile, `${SECRET}\n`);

const open = () => new Harness({ webhooks: { distribution: { secretFile } } });
const notification = {
  events: [
    {
      id: "1",
      action: "push",
      target: {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        repository: "a/b",
        tag: "1",
        digest: `sha256:${"a".repeat(64)}`,
      },
      request: { host: "r.example" },
    },
  ],
};
const post = (harness: Harness, rest: { headers?: object; body?: string; method?: string; path?: string } = {}) =>
  harness.request(receiveWebhook, rest.path ?? "/hooks/distribution", {
    method: rest.method ?? "POST",
    headers: {
      authorization: `Bearer ${SECRET}`,
      "content-type": "application/vnd.docker.distribution.events.v1+json",
      ...rest.headers,
    },
    body: Buffer.from(rest.body ?? JSON.stringify(notification)),
  });

test("a notification with the secret is published before it is answered", async () => {
  const harness = open();
  assert.equal((await post(harness)).status, 202);
  assert.deepEqual(
    harness.published.map(({ type, subject }) => [type, subject]),
    [["dev.stowage.artifact.pushed.v1", "a/b:1"]],
  );
});

test("without the secret nothing is parsed or published", async () => {
  for (const authorization of ["", "Bearer wrong", SECRET.toUpperCase()]) {
    const harness = open();
    const { status } = await post(harness, { headers: { authorization }, body: "{" });
    assert.equal(status, 401);
    assert.deepEqual(harness.published, []);
  }
});

test("what is no notification is 400, with code and reason", async () => {
  const answer = await post(open(), { body: "{" });
  assert.equal(answer.status, 400);
  assert.equal(JSON.parse(String(answer.body)).code, "WEBHOOK_INVALID");
});

test("other paths are 404, other methods 405", async () => {
  assert.equal((await post(open(), { path: "/hooks/" })).status, 404);
  assert.equal((await post(open(), { path: "/hooks/unknown" })).status, 404);
  assert.equal((await post(open(), { method: "GET" })).status, 405);
});

test("without a configured secret there is no webhook: fail closed", async () => {
  assert.equal((await post(new Harness())).status, 404);
});

test("a secret file that is gone is a failure, not an open door", async () => {
  const harness = new Harness({ webhooks: { distribution: { secretFile: "/nowhere" } } });
  const { status } = await post(harness);
  assert.notEqual(status, 202);
  assert.deepEqual(harness.published, []);
});

test("no log line carries the secret", async () => {
  const harness = open();
  await post(harness);
  await post(harness, { headers: { authorization: "Bearer wrong" } });
  assert.doesNotMatch(JSON.stringify(harness.log.lines), new RegExp(SECRET));
});
