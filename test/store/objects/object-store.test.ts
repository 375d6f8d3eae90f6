import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assembled, type PartSource, type Reader } from "../../../lib/store/index.ts";
import type { FaultRule } from "../../fakes/object-service/faults.ts";
import type { FakeObjectService } from "../../fakes/object-service/server.ts";
import { numberedBytes } from "../numbered-bytes.ts";
import { type Opened, openOn } from "./opened.ts";

const unavailable = { name: "TransientError", code: "STORE_UNAVAILABLE" };
const busy = { kind: "status", status: 503, code: "ServiceUnavailable" } as const;

async function read(store: Reader, key: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await store.get(key)).body));
}

const sentParts = ({ log }: FakeObjectService): readonly string[] => log.filter((line) => line.startsWith("part "));

/** Counts bytes by the way they took. */
function counter() {
  const counted = { sent: 0, copied: 0, found: 0 };
  const onPart = (size: number, how: PartSource): void => {
    counted[how] += size;
  };
  return { counted, onPart };
}

/** Names that are left besides those of objects. */
const litter = ({ held }: FakeObjectService): readonly string[] => [
  ...[...held.objects.keys()].filter((name) => name.includes(".stowage")),
  ...[...held.uploads.values()].filter(({ parts }) => parts.size > 0).map(({ name }) => `upload of ${name}`),
];

for (const kind of ["oss", "s3"] as const) {
  describe(`an object store (${kind})`, () => {
    const promise = (title: string, run: (opened: Opened) => Promise<void>): void => {
      it(title, async () => {
        await using opened = await openOn(kind);
        await run(opened);
      });
    };

    promise("gets everything done while every third request fails, is reset or loses its answer", async (opened) => {
      const { store, service, part } = opened;
      const body = numberedBytes(4 * part + 1);
      const all = ["put", "get", "head", "list", "delete", "begin", "part", "complete", "parts", "uploads"] as const;
      for (const fault of [busy, { kind: "reset" }, { kind: "lost answer" }] as const) {
        service.faults.clear();
        service.faults.add(...all.map((on) => ({ on, fault, every: 3 })), { on: "complete", fault, times: 1 });
        const name = fault.kind.replace(" ", "-");
        assert.equal(await store.put(`large/${name}`, body, { identity: name, ifAbsent: true }), "written");
        assert.deepEqual(await read(store, `large/${name}`), body.all());
        for (let round = 0; round < 4; round++) {
          assert.equal(await store.put(`small/${name}${round}`, "x", { ifAbsent: true }), "written");
          assert.equal(await store.put(`small/${name}${round}`, "y", { ifAbsent: true }), "present");
          await store.delete(`small/${name}${round}`);
        }
        const keys = (await Array.fromAsync(store.list("large/"))).map(({ key }) => key);
        assert.ok(keys.includes(`large/${name}`));
      }
      assert.deepEqual(litter(service), []);
    });

    promise(
      "says how long to wait when the service asks for longer than it waits itself",
      async ({ store, service }) => {
        service.faults.add({ on: "put", fault: { ...busy, retryAfter: "17" } });
        await assert.rejects(store.put("a", "x"), { ...unavailable, retryAfter: 17 });
        service.faults.clear();
        service.faults.add({ on: "put", fault: { ...busy, retryAfter: "0" }, times: 2 });
        assert.equal(await store.put("a", "x"), "written");
      },
    );

    promise("gives up for good when it is denied or the bucket is not there, telling no secret", async (opened) => {
      const { store, service } = opened;
      const refuse = (code: string, expected: string): Promise<void> =>
        assert.rejects(store.put("a", "x"), (error: Error & { code?: string }) => {
          assert.deepEqual([error.name, error.code], ["RejectedError", expected]);
          assert.match(error.message, new RegExp(`^Cannot put "a": the service answered 40\\d ${code}$`));
          return true;
        });
      service.faults.add({ on: "put", fault: { kind: "status", status: 403, code: "AccessDenied" }, times: 1 });
      await refuse("AccessDenied", "STORE_DENIED");
      service.faults.add({ on: "put", fault: { kind: "status", status: 404, code: "NoSuchBucket" }, times: 1 });
      await refuse("NoSuchBucket", "STORE_REFUSED");
      assert.deepEqual(service.log, []);
    });

    const damages: readonly FaultRule[] = [
      { on: "part", fault: { kind: "flip" }, times: 2 },
      { on: "part", fault: { kind: "wrong sum" }, times: 2 },
      { on: "put", fault: { kind: "wrong sum" }, times: 2 },
      { on: "put", fault: { kind: "flip" }, times: 2 },
    ];
    promise("sends again what did not arrive as it was", async ({ store, service, part }) => {
      for (const rule of damages) {
        service.faults.clear();
        service.faults.add(rule);
        const body = numberedBytes(3 * part);
        await store.put("large", body);
        await store.put("small", "small");
        assert.deepEqual(await read(store, "large"), body.all());
        assert.equal((await read(store, "small")).toString(), "small");
      }
      assert.deepEqual(litter(service), []);
    });

    const losses: readonly FaultRule[] = [
      { on: "part", fault: { kind: "forget" }, times: 1 },
      { on: "complete", fault: { kind: "forget" }, times: 1 },
      { on: "complete", fault: { kind: "lose a part" }, times: 1 },
      { on: "complete", fault: { kind: "flip" }, times: 1 },
    ];
    for (const rule of losses) {
      promise(
        `fails loudly when a service loses what it confirmed (${rule.on}: ${rule.fault.kind})`,
        async (opened) => {
          const { store, service, part } = opened;
          const body = numberedBytes(3 * part);
          for (const identity of [undefined, "plan"]) {
            service.faults.clear();
            service.faults.add({ ...rule });
            await assert.rejects(store.put("large", body, { identity }), unavailable);
            assert.equal(await store.stat("large"), undefined);
            assert.equal(await store.put("large", body, { identity }), "written");
            assert.deepEqual(await read(store, "large"), body.all());
            assert.deepEqual(litter(service), []);
            await store.delete("large");
          }
        },
      );
    }

    promise("reads on where a connection broke, and never in an object that was overwritten", async (opened) => {
      const { store, service, part } = opened;
      const body = numberedBytes(part - 1);
      await store.put("a", body);
      service.faults.add({ on: "get", fault: { kind: "cut" }, times: 3 });
      assert.deepEqual(await read(store, "a"), body.all());
      assert.ok(service.log.filter((line) => line === "get v1/a").length === 4);

      service.faults.add({ on: "get", fault: { kind: "cut" }, times: 1 });
      const { body: chunks } = await store.get("a");
      await store.put("a", numberedBytes(part - 1, 2));
      await assert.rejects(Array.fromAsync(chunks), unavailable);
    });

    promise("goes on with an upload that failed, sending only what is missing", async ({ store, service, part }) => {
      const body = numberedBytes(6 * part);
      service.faults.add({ on: "complete", fault: busy });
      const failing = store.put("large", body, { identity: "plan" });
      await assert.rejects(failing, unavailable);
      assert.deepEqual([await store.stat("large"), sentParts(service).length], [undefined, 6]);

      service.faults.clear();
      const { counted, onPart } = counter();
      const [upload] = service.held.uploads.values();
      upload?.parts.delete(4);
      const given = body.given();
      assert.equal(await store.put("large", body, { identity: "plan", onPart }), "written");
      assert.deepEqual(counted, { sent: part, copied: 0, found: 5 * part });
      assert.equal(body.given() - given, body.size, "it is read in its order, once, whatever is sent of it");
      assert.deepEqual(await read(store, "large"), body.all());

      assert.equal(await store.put("large", body, { identity: "plan", onPart }), "written");
      assert.equal(body.given() - given, body.size, "an object that is there is not read again");
      assert.deepEqual(litter(service), []);
    });

    promise("sends a part again that holds other bytes than it should", async ({ store, service, part }) => {
      const body = numberedBytes(4 * part);
      service.faults.add({ on: "complete", fault: busy });
      await assert.rejects(store.put("large", body, { identity: "plan" }), unavailable);
      service.faults.clear();
      const [upload] = service.held.uploads.values();
      service.held.addPart(upload!, 2, Buffer.alloc(part), false);
      service.held.addPart(upload!, 3, Buffer.alloc(part), true);
      const { counted, onPart } = counter();
      await store.put("large", body, { identity: "plan", onPart });
      assert.deepEqual(counted, { sent: 2 * part, copied: 0, found: 2 * part });
      assert.deepEqual(await read(store, "large"), body.all());
    });

    promise("never joins parts of other bytes", async ({ store, service, part }) => {
      service.faults.add({ on: "complete", fault: busy });
      await assert.rejects(store.put("large", numberedBytes(3 * part, 1), { identity: "first" }), unavailable);
      service.faults.clear();
      const body = numberedBytes(3 * part, 2);
      await store.put("large", body, { identity: "second" });
      assert.deepEqual(await read(store, "large"), body.all());
      assert.deepEqual(litter(service), []);
    });

    promise("aborts an upload that nobody can go on with, and keeps the others", async ({ store, service, part }) => {
      const body = numberedBytes(3 * part);
      const broken = new Error("broken");
      const failing = async function* () {
        yield body.all();
        throw broken;
      };
      const [one, other] = await Promise.allSettled([store.put("a", failing()), store.put("b", body)]);
      assert.deepEqual([one.status, other.status], ["rejected", "fulfilled"]);
      assert.deepEqual(await read(store, "b"), body.all());
      service.faults.add({ on: "complete", fault: busy });
      await assert.rejects(store.put("c", body), unavailable);
      const lying = { size: 3 * part, read: () => numberedBytes(1).read(0, 1) };
      await assert.rejects(store.put("d", lying, { identity: "plan" }), { code: "CONTENT_MISMATCH" });
      assert.deepEqual(litter(service), []);
    });

    promise("lets two who put the same bytes at once share one upload", async ({ store, service, part }) => {
      const body = numberedBytes(5 * part);
      const put = () => store.put("large", body, { identity: "plan" });
      assert.deepEqual(await Promise.all([put(), put(), put()]), ["written", "written", "written"]);
      assert.deepEqual(await read(store, "large"), body.all());
      assert.deepEqual(litter(service), []);
    });

    promise("lets the service copy what the bucket holds", async ({ store, service, part }) => {
      const blob = numberedBytes(6 * part, 3);
      await store.put("blobs/one", blob);
      const { version } = (await store.stat("blobs/one"))!;
      const head = numberedBytes(512);
      const range = { key: "blobs/one", start: 100, size: 6 * part - 100, version };
      const body = assembled(store, [head, range, numberedBytes(10), range]);
      const { counted, onPart } = counter();
      await store.put("whole", body, { identity: "plan", onPart });
      const piece = blob.all().subarray(100);
      const whole = Buffer.concat([head.all(), piece, numberedBytes(10).all(), piece]);
      assert.deepEqual(await read(store, "whole"), whole);
      assert.equal(counted.sent, 2 * part, "a part for each of the small pieces");
      assert.equal(counted.copied, whole.byteLength - 2 * part);
      assert.deepEqual(litter(service), []);
    });

    promise(
      "sends what the service cannot copy, does not allow or copies wrongly",
      async ({ store, service, part }) => {
        const blob = numberedBytes(3 * part, 3);
        await store.put("blobs/one", blob);
        const { version } = (await store.stat("blobs/one"))!;
        const body = assembled(store, [{ key: "blobs/one", start: 0, size: 3 * part, version }, numberedBytes(part)]);
        const refusals = [
          { kind: "status", status: 501, code: "NotImplemented" },
          { kind: "status", status: 403, code: "AccessDenied" },
          { kind: "status", status: 412, code: "PreconditionFailed" },
          { kind: "status", status: 404, code: "NoSuchKey" },
          // OSS may have no sum of what it copied
          ...(service.kind === "s3" ? [{ kind: "flip" } as const] : []),
        ] as const;
        for (const [number, fault] of refusals.entries()) {
          service.faults.clear();
          service.faults.add({ on: "copy", fault });
          const { counted, onPart } = counter();
          await store.put(`${number}`, body, { onPart });
          assert.deepEqual(counted, { sent: 4 * part, copied: 0, found: 0 }, JSON.stringify(fault));
          assert.deepEqual(await read(store, `${number}`), Buffer.concat([blob.all(), numberedBytes(part).all()]));
        }
      },
    );

    promise("sweeps what was left behind for a day, and nothing else", async ({ store, service, part }) => {
      const { held } = service;
      const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
      const leave = (name: string, begun: Date, modified: Date): string => {
        const upload = held.begin(name, undefined);
        upload.begun = begun;
        held.addPart(upload, 1, Buffer.alloc(10), false).modified = modified;
        return upload.id;
      };
      const entry = (key: string, modified: Date): void => {
        const name = `v1/.stowage/uploads/${key}.json`;
        held.objects.set(name, { ...held.put(name, Buffer.from("{}"), undefined), modified });
      };
      const kept = [
        leave("v1/young", new Date(), new Date()),
        leave("v1/slow", old, new Date()),
        leave("v2/a", old, old),
      ];
      const swept = leave("v1/dead", old, old);
      entry("old", old);
      entry("young", new Date());
      await store.put("large", numberedBytes(2 * part));
      assert.ok(!held.uploads.has(swept));
      assert.deepEqual([...held.uploads.keys()], kept);
      const entries = [...held.objects.keys()].filter((name) => name.includes(".stowage"));
      assert.deepEqual(entries, ["v1/.stowage/uploads/young.json"]);
      assert.deepEqual(await Array.fromAsync(store.list(".stowage"), ({ key }) => key), []);
      await assert.rejects(store.get(".stowage/uploads/young.json"), { code: "STORE_KEY_INVALID" });
    });

    promise("works without the right to list uploads", async ({ store, service, part }) => {
      service.faults.add({ on: "uploads", fault: { kind: "status", status: 403, code: "AccessDenied" } });
      assert.equal(await store.put("large", numberedBytes(2 * part)), "written");
    });

    promise("stops when it is told to, and keeps the upload for who comes back", async ({ store, service, part }) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const body = numberedBytes(8 * part);
      const put = store.put("large", body, {
        identity: "plan",
        signal: controller.signal,
        onPart: () => controller.abort(reason),
      });
      await assert.rejects(put, reason);
      assert.equal(service.held.uploads.size, 1);
      await store.put("large", body, { identity: "plan" });
      assert.ok(sentParts(service).length < 8 + 4);
      assert.deepEqual(litter(service), []);
    });

    promise("is unavailable when the service cannot be reached", async ({ store, service }) => {
      await service[Symbol.asyncDispose]();
      await assert.rejects(store.stat("a"), unavailable);
      await assert.rejects(store.put("a", "x"), unavailable);
      await assert.rejects(store.get("a"), unavailable);
      await assert.rejects(store.delete("a"), unavailable);
    });

    promise("refuses keys that are too long with its prefix", async ({ store }) => {
      const key = `${`${"x".repeat(250)}/`.repeat(4)}${"y".repeat(16)}`;
      await store.put(key, "x");
      await assert.rejects(store.put(`${key}zz`, "x"), { code: "STORE_KEY_INVALID" });
    });
  });
}
