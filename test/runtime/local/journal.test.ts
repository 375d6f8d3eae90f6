import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import { TransientError } from "../../../lib/errors.ts";
import { fromStructured, type WireEvent } from "../../../lib/events/index.ts";
import { Journal, type JournalOptions } from "../../../lib/runtime/local/index.ts";

let directory: string;
let journal: Journal;
let now: number;

const open = (options: JournalOptions = {}): Journal => new Journal(directory, { now: () => now, ...options });
/** As after `kill -9`: what was promised is there, whatever else is not. */
const reopen = (options?: JournalOptions): Journal => {
  journal.close();
  journal = open(options);
  return journal;
};
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stowage-journal-"));
  now = 1000;
  journal = open();
});
afterEach(() => {
  journal.close();
  rmSync(directory, { recursive: true });
});

const event = (id: string, more: object = {}): WireEvent =>
  fromStructured({ specversion: "1.0", id, source: "/here", type: "a.b", ...more });
const arrival = (id: string, triggers: readonly string[] = ["t"], more: object = {}) => ({
  event: event(id, more),
  hops: 0,
  subscriptions: triggers.map((trigger) => ({ trigger, target: "fn" })),
});
const waiting = (target = "fn"): readonly string[] =>
  journal.next(target, 100).map((delivery) => `${journal.read(delivery.event).event.id}>${delivery.trigger}`);

test("what was accepted is there after the process is not, for every trigger", async () => {
  await journal.accept([arrival("1", ["t", "u"]), arrival("2")]);
  reopen();
  assert.deepEqual(waiting(), ["1>t", "1>u", "2>t"]);
  assert.equal(journal.pending, 3);
});

test("the oldest event that is not done is known, until all are", async () => {
  assert.equal(journal.oldest, undefined);
  await journal.accept([arrival("1")]);
  now = 5000;
  await journal.accept([arrival("2")]);
  assert.equal(journal.oldest, 1000);
  const [first, second] = journal.next("fn", 2);
  await journal.finish(first!, "done");
  assert.equal(reopen().oldest, 5000);
  await journal.finish(second!, "dead");
  assert.equal(journal.oldest, undefined);
  journal.close();
  assert.equal(journal.oldest, undefined);
  journal = open();
});

test("an event is kept as it is: extensions, bytes and hops", async () => {
  const given = event("1", {
    extra: "x",
    datacontenttype: "image/png",
    data_base64: "AAEC",
    time: "2026-11-21T05:00:00.123456Z",
  });
  await journal.accept([{ event: given, hops: 7, subscriptions: [{ trigger: "t", target: "fn" }] }]);
  const [delivery] = reopen().next("fn", 1);
  assert.deepEqual(journal.read(delivery!.event), { event: given, hops: 7 });
});

test("attempts and the time of the next one survive", async () => {
  await journal.accept([arrival("1")]);
  const [first] = journal.next("fn", 1);
  await journal.retry(first!, 5000);
  await journal.retry(first!, 9000);
  const [again] = reopen().next("fn", 1);
  assert.deepEqual([again?.attempts, again?.due], [2, 9000]);
});

test("deliveries come in the order they are due", async () => {
  await journal.accept([arrival("1"), arrival("2"), arrival("3")]);
  await journal.retry(journal.next("fn", 1)[0]!, 5000);
  assert.deepEqual(waiting(), ["2>t", "3>t", "1>t"]);
});

test("a finished delivery and the event it was answered with are one step", async () => {
  await journal.accept([arrival("1")]);
  await journal.finish(journal.next("fn", 1)[0]!, "done", { ...arrival("reply"), hops: 1 });
  reopen();
  assert.deepEqual(waiting(), ["reply>t"]);
});

test("when the disk fails nothing of a batch is there, and it is transient", async () => {
  await journal.accept([arrival("1")]);
  const before = journal.pending;
  // what the schema refuses is the nearest to a failing disk that a test can have
  const broken = { event: event("2"), hops: 0, subscriptions: [{ trigger: null as unknown as string, target: "fn" }] };
  const results = await Promise.allSettled([journal.accept([arrival("3")]), journal.accept([broken])]);
  for (const result of results) {
    assert.ok(result.status === "rejected" && result.reason instanceof TransientError);
    assert.equal(result.reason.code, "BROKER_UNAVAILABLE");
  }
  assert.equal(journal.pending, before);
  assert.deepEqual(waiting(), ["1>t"]);
  await journal.accept([arrival("4")]);
  assert.deepEqual(waiting(), ["1>t", "4>t"]);
});

test("a dead letter on its way keeps its reason", async () => {
  await journal.accept([arrival("1")]);
  const last = { status: 422, failure: { code: "CHART_INVALID", message: "Cannot read chart" } };
  await journal.retry(journal.next("fn", 1)[0]!, 2000);
  await journal.bury(journal.next("fn", 1)[0]!, "bury", last);
  const [delivery] = reopen().next("bury", 1);
  assert.deepEqual(delivery?.burying, last);
  assert.equal(delivery?.attempts, 0);
  assert.deepEqual(waiting("fn"), []);
});

describe("an event that is known by source and id", () => {
  test("is not queued again while it waits, or after it is done", async () => {
    await journal.accept([arrival("1")]);
    await journal.accept([arrival("1"), arrival("1")]);
    assert.deepEqual(waiting(), ["1>t"]);
    await journal.finish(journal.next("fn", 1)[0]!, "done");
    await journal.accept([arrival("1")]);
    await reopen().accept([arrival("1")]);
    assert.deepEqual(waiting(), []);
    assert.equal(journal.pending, 0);
  });

  test("is delivered again where it died, with the data it was mended with", async () => {
    await journal.accept([arrival("1", ["t", "u"], { data: "bad" })]);
    const [t, u] = journal.next("fn", 2);
    await journal.retry(t!, 2000);
    await journal.finish(t!, "dead");
    await journal.finish(u!, "done");
    await journal.accept([arrival("1", ["t", "u"], { data: "good" })]);
    assert.deepEqual(waiting(), ["1>t"]);
    const [again] = journal.next("fn", 1);
    assert.equal(again?.attempts, 0);
    assert.equal(journal.read(again!.event).event.data, "good");
  });

  test("reaches a trigger that was not there the first time", async () => {
    await journal.accept([arrival("1")]);
    await journal.finish(journal.next("fn", 1)[0]!, "done");
    await journal.accept([arrival("1", ["t", "new"])]);
    assert.deepEqual(waiting(), ["1>new"]);
  });

  test("is another event when it comes from another source", async () => {
    await journal.accept([arrival("1"), arrival("1", ["t"], { source: "/there" })]);
    assert.equal(waiting().length, 2);
  });
});

test("an event nobody wants is not remembered", async () => {
  await journal.accept([arrival("1", [])]);
  await journal.accept([arrival("1")]);
  assert.deepEqual(waiting(), ["1>t"]);
});

describe("bounds", () => {
  const finishAll = async (): Promise<void> => {
    await Promise.all(journal.next("fn", 10_000).map((delivery) => journal.finish(delivery, "done")));
  };
  const known = (): number => {
    journal.close();
    const database = new DatabaseSync(join(directory, "journal.sqlite"));
    const count = database.prepare("SELECT COUNT(*) AS n FROM events").get()?.["n"];
    database.close();
    journal = open();
    return Number(count);
  };
  const arrivals = (from: number): ReturnType<typeof arrival>[] =>
    Array.from({ length: 1000 }, (_, index) => arrival(`${from + index}`));

  test("finished events are forgotten after a while; what waits never is", async () => {
    reopen({ keptFor: 100 });
    await journal.accept(arrivals(0));
    await journal.accept([arrival("waits", ["w"])]);
    await Promise.all(
      journal
        .next("fn", 10_000)
        .filter(({ trigger }) => trigger === "t")
        .map((delivery) => journal.finish(delivery, "done")),
    );
    now += 1000;
    await journal.accept(arrivals(5000));
    assert.equal(known(), 1001);
    assert.ok(waiting().includes("waits>w"));
  });

  test("no more than so many finished events are kept", async () => {
    reopen({ kept: 1500 });
    await journal.accept(arrivals(0));
    await finishAll();
    await journal.accept(arrivals(5000));
    assert.equal(known(), 1500);
  });

  test("a journal that is full refuses events until some are done", async () => {
    reopen({ maxBytes: 200_000 });
    const large = arrival("large", ["t"], { data: "x".repeat(300_000) });
    await journal.accept([large]);
    await assert.rejects(journal.accept([arrival("more")]), { code: "BROKER_UNAVAILABLE", retryAfter: 10 });
    await finishAll();
    await journal.accept([arrival("more")]);
    assert.deepEqual(waiting(), ["more>t"]);
  });
});

test("waiting deliveries follow their trigger to another function, or die with it", async () => {
  await journal.accept([arrival("1", ["moved", "gone"])]);
  assert.deepEqual(journal.waiting(), [
    { trigger: "gone", burying: false },
    { trigger: "moved", burying: false },
  ]);
  await journal.redirect("moved", false, "other");
  await journal.redirect("gone", false, undefined);
  assert.deepEqual(waiting("other"), ["1>moved"]);
  assert.equal(journal.pending, 1);
});

test("it knows whether a source still has something waiting", async () => {
  await journal.accept([arrival("1")]);
  assert.equal(journal.hasPending("/here"), true);
  assert.equal(journal.hasPending("/there"), false);
  await journal.finish(journal.next("fn", 1)[0]!, "done");
  assert.equal(journal.hasPending("/here"), false);
});

describe("opening", () => {
  test("a directory that is in use is refused", () => {
    assert.throws(() => open(), { code: "DATA_IN_USE", message: /another process/ });
    reopen();
  });

  test("a file that is no journal, or one of another version, is refused and left alone", () => {
    journal.close();
    const path = join(directory, "journal.sqlite");
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    assert.throws(() => open(), { code: "JOURNAL_INVALID", message: /another version/ });
    writeFileSync(path, "this is not a database, it is a sentence of more than sixteen bytes");
    assert.throws(() => open(), { code: "JOURNAL_INVALID" });
    truncateSync(path);
    journal = open();
  });

  test("a directory that cannot be made is refused", () => {
    writeFileSync(join(directory, "file"), "");
    assert.throws(() => new Journal(join(directory, "file", "data")), {
      code: "JOURNAL_INVALID",
      message: /Cannot use/,
    });
  });
});

test("after it is closed nothing is accepted any more", async () => {
  journal.close();
  await assert.rejects(journal.accept([arrival("1")]), { code: "BROKER_UNAVAILABLE" });
  journal = open();
});
