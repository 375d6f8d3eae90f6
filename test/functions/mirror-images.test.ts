import assert from "node:assert/strict";
import { after, test } from "node:test";
import mirrorImages from "../../functions/mirror-images.ts";
import type { Event } from "../../lib/events/index.ts";
import { readObject } from "../../lib/store/index.ts";
import { refuse, startFakeRegistry } from "../fakes/registry.ts";
import { imageOf, indexOf, startPair } from "../mirror/pair.ts";
import { Harness } from "./harness.ts";

const [FROM, TO, LAST] = ["pipeline.example", "harbor.example", "packing.example"];
const pair = await startPair();
const last = await startPair();
after(async () => {
  await pair[Symbol.asyncDispose]();
  await last[Symbol.asyncDispose]();
});
await pair.from.push("devops_release/a", "v1", await indexOf("a"));
await pair.from.push("library/b", "v1", await imageOf("b"));

const open = (last_: object = {}) =>
  new Harness(
    {
      registries: [
        { host: FROM, renameWhenSource: { release: "devops_release" } },
        { host: LAST, ...last_ },
      ],
    },
    { [FROM]: `http://${pair.from.host}`, [TO]: `http://${pair.to.host}`, [LAST]: `http://${last.to.host}` },
  );
const requested = "dev.stowage.mirror.requested.v1";
type Requested = Event<typeof requested>;
type Mirrored = Event<"dev.stowage.images.mirrored.v1">;
type Incomplete = Event<"dev.stowage.mirror.incomplete.v1">;
const ask = (rest: Partial<Requested["data"]>): Requested["data"] => ({
  lists: [],
  images: [],
  form: "project",
  hops: [{ from: FROM, to: TO }],
  ...rest,
});
const textOf = async (harness: Harness, key: string): Promise<string> =>
  Buffer.from(await readObject(await harness.store(), key, 1024 * 1024)).toString();
const keysOf = async (harness: Harness): Promise<readonly string[]> =>
  (await Array.fromAsync((await harness.store()).list(""))).map(({ key }) => key);

test("a list in the store leads to images.mirrored, with the report beside the release", async () => {
  const harness = open();
  await (await harness.store()).put("releases/compass/v2.7.1/images.list", "release/a:v1\nlibrary/b:v1\n");
  const data = ask({ release: "compass", version: "v2.7.1", lists: ["releases/compass/v2.7.1/images.list"] });
  const { reply } = await harness.run(mirrorImages, requested, data);
  const mirrored = reply as Mirrored;
  assert.equal(mirrored.type, "dev.stowage.images.mirrored.v1");
  assert.deepEqual(
    [mirrored.subject, mirrored.extensions["release"], mirrored.extensions["version"]],
    ["compass@v2.7.1", "compass", "v2.7.1"],
  );
  const { images, copied, present, report, from, to } = mirrored.data;
  assert.deepEqual([images, copied, present, from, to], [2, 2, 0, FROM, TO]);
  assert.equal(report, `releases/compass/v2.7.1/mirror/${TO}/report.json`);
  const written = JSON.parse(await textOf(harness, report));
  assert.deepEqual([written.complete, written.images[0].source], [true, `${FROM}/devops_release/a:v1`]);
  assert.equal((await pair.to.tree.repository("release/a").resolve("v1")).digest, written.images[0].digest);
  assert.ok(!(await keysOf(harness)).some((key) => key.includes("miss_")));
});

test("a redelivered event moves nothing and gives the same reply", async () => {
  const harness = open();
  const data = ask({ images: ["release/a:v1", "library/b:v1"] });
  const first = await harness.run(mirrorImages, requested, data, "same");
  pair.forget();
  const second = await harness.run(mirrorImages, requested, data, "same");
  assert.equal(second.reply?.id, first.reply?.id);
  const { copied, present, report } = (second.reply as Mirrored).data;
  assert.deepEqual([copied, present, report], [0, 2, (first.reply as Mirrored).data.report]);
  assert.match(report, /^runs\/mirror\/[a-f0-9]{32}\/report\.json$/);
  assert.ok([...pair.from.requests, ...pair.to.requests].every((request) => request.startsWith("HEAD ")));
});

test("the next hop is asked for after a complete one, and begins where it ended", async () => {
  const harness = open({ mustBeEmpty: true });
  const hops = [
    { from: FROM, to: TO },
    { from: TO, to: LAST },
  ];
  const data = ask({
    images: ["release/a:v1"],
    hops,
    release: "compass",
    version: "v1",
    platforms: ["linux/amd64", "linux/arm64"],
  });
  const { reply: next } = await harness.run(mirrorImages, requested, data);
  assert.equal(next?.type, requested);
  assert.deepEqual((next as Requested).data, { ...data, hops: hops.slice(1) });
  const { reply } = await harness.deliver(mirrorImages, next!);
  assert.equal(reply?.type, "dev.stowage.images.mirrored.v1");
  assert.deepEqual([(reply as Mirrored).data.from, (reply as Mirrored).data.to], [TO, LAST]);
  assert.ok(await last.to.tree.repository("release/a").resolve("v1"));
  const reports = (await keysOf(harness)).filter((key) => key.endsWith("report.json"));
  assert.deepEqual(
    reports,
    [TO, LAST].sort().map((host) => `releases/compass/v1/mirror/${host}/report.json`),
  );
});

test("OEM-T9: an incomplete hop ends as mirror.incomplete with its reason, and no further hop begins", async () => {
  const harness = open();
  const hops = [
    { from: FROM, to: TO },
    { from: TO, to: LAST },
  ];
  const data = ask({ images: ["release/missing:v1", "library/b:v1"], hops, release: "compass", version: "v2" });
  const { reply, status } = await harness.run(mirrorImages, requested, data);
  const { type, data: told } = reply as Incomplete;
  assert.deepEqual([status, type], [200, "dev.stowage.mirror.incomplete.v1"]);
  const { images, missing, denied, failed, defects, reason } = told;
  assert.deepEqual([images, missing, denied, failed, defects], [2, 1, 0, 0, 0]);
  assert.match(
    reason,
    /^1 of 2 images failed, first pipeline\.example\/devops_release\/missing:v1: Cannot resolve "v1"/,
  );
  const missed = await textOf(harness, `releases/compass/v2/mirror/${TO}/miss_image.txt`);
  assert.equal(missed, `${FROM}/devops_release/missing:v1\n`);
  assert.ok(harness.log.lines.some(({ level, fields }) => level === "warn" && fields["status"] === "missing"));
});

test("OEM-T11: a failed push blocks like a failed pull", async () => {
  const harness = open();
  await using full = await startFakeRegistry();
  full.misbehave("POST /v2/", (_, response) => refuse(response, 413, "SIZE_INVALID"), 100);
  const data = ask({ images: ["library/b:v1"], hops: [{ from: FROM, to: full.host }, { to: LAST }] });
  const { reply } = await harness.run(mirrorImages, requested, data);
  assert.equal(reply?.type, "dev.stowage.mirror.incomplete.v1");
  const { failed, report } = (reply as Incomplete).data;
  assert.equal(failed, 1);
  const missed = await textOf(harness, report.replace("report.json", "miss_push_image.txt"));
  assert.equal(missed, `${full.host}/library/b:v1\n`);
});

test("OEM-T1: a list with errors ends as mirror.incomplete, with the defects in the report", async () => {
  const harness = open();
  const { reply } = await harness.run(
    mirrorImages,
    requested,
    ask({ images: ["library/php/7.1-apache", "release/a:v1"] }),
  );
  const { type, data } = reply as Incomplete;
  assert.deepEqual([type, data.defects, data.copied], ["dev.stowage.mirror.incomplete.v1", 1, 0]);
  assert.match(data.reason, /perhaps "library\/php:7\.1-apache"$/);
  const [defect] = JSON.parse(await textOf(harness, data.report)).defects;
  assert.deepEqual([defect.file, defect.line, defect.proposal], ["images", 1, "library/php:7.1-apache"]);
});

test("OEM-T13: a packing registry with other images is refused before the next byte", async () => {
  await last.from.push("other/x", "v1", await imageOf("x"));
  const harness = new Harness({ registries: [{ host: last.from.host, mustBeEmpty: true }] }, {});
  const data = ask({ images: ["library/b:v1"], hops: [{ from: pair.from.host, to: last.from.host }] });
  const { reply } = await harness.run(mirrorImages, requested, data);
  assert.match((reply as Incomplete).data.reason, /must hold no other images, and holds other\/x:v1$/);
  await assert.rejects(last.from.tree.repository("library/b").resolve("v1"), { code: "CONTENT_UNKNOWN" });
});

test("OEM-T14: two releases at once have reports of their own", async () => {
  const harness = open();
  const [one, two] = await Promise.all(
    ["v3", "v4"].map((version) =>
      harness.run(
        mirrorImages,
        requested,
        ask({ images: [version === "v3" ? "library/b:v1" : "library/no:v1"], release: "compass", version }),
      ),
    ),
  );
  assert.deepEqual(
    [one?.reply?.type, two?.reply?.type],
    ["dev.stowage.images.mirrored.v1", "dev.stowage.mirror.incomplete.v1"],
  );
  const missed = (await keysOf(harness)).filter((key) => key.endsWith("miss_image.txt"));
  assert.deepEqual(missed, [`releases/compass/v4/mirror/${TO}/miss_image.txt`]);
});

test("full references are pulled from the hosts they name", async () => {
  const harness = open();
  const data = ask({ images: [`${FROM}/library/b:v1`], form: "reference", hops: [{ to: LAST }] });
  const { reply } = await harness.run(mirrorImages, requested, data);
  assert.deepEqual([(reply as Mirrored).data.from, (reply as Mirrored).data.copied], [undefined, 1]);
});

test("a request that cannot be met is rejected: no list, half a release, a list that is not there", async () => {
  const harness = open();
  const deliver = async (data: object) => {
    const event = { specversion: "1.0", id: "x", source: "/test", type: requested, extensions: {}, data };
    const { status, failure } = await harness.deliver(mirrorImages, event as Event);
    return [status, failure?.code];
  };
  const hops = [{ from: FROM, to: TO }];
  assert.deepEqual(await deliver({ hops }), [422, "EVENT_INVALID"]);
  assert.deepEqual(await deliver({ hops: [], images: ["release/a:v1"] }), [422, "EVENT_INVALID"]);
  assert.deepEqual(await deliver({ hops, images: ["release/a:v1"], release: "a" }), [422, "EVENT_INVALID"]);
  assert.deepEqual(await deliver({ hops, images: ["release/a:v1"], release: "../a", version: "1" }), [
    422,
    "EVENT_INVALID",
  ]);
  assert.deepEqual(await deliver({ hops, images: Array(101).fill("release/a:v1") }), [422, "EVENT_INVALID"]);
  assert.deepEqual(await deliver({ hops, lists: ["nowhere.list"] }), [422, "STORE_NOT_FOUND"]);
});
