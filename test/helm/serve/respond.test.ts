import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import type { ByteRange, Representation } from "../../../lib/helm/serve/representation.ts";
import { respond } from "../../../lib/helm/serve/respond.ts";
import { bodyOf } from "../../functions/harness.ts";

const CONTENT = Buffer.from("0123456789");
const MODIFIED = new Date("2030-01-05T08:00:00.400Z");
const { signal } = new AbortController();
const LATER = MODIFIED.getTime() + 3_600_000;

const representation = (change: Partial<Representation> = {}): Representation => ({
  type: "text/plain",
  etag: '"tag"',
  size: CONTENT.byteLength,
  modified: MODIFIED,
  ranges: true,
  open: async ({ start, end }: ByteRange = { start: 0, end: CONTENT.byteLength }) => CONTENT.subarray(start, end),
  ...change,
});

async function ask(
  headers: IncomingHttpHeaders = {},
  change: Partial<Representation> = {},
  method = "GET",
  now = LATER,
) {
  const {
    status,
    headers: fields = {},
    body,
  } = await respond(representation(change), { method, headers }, { isProtected: false, signal, now });
  return { status, fields, text: (await bodyOf(body)).toString(), isOpen: body !== undefined };
}

test("a GET gets all of it, with what is needed to ask again", async () => {
  const { status, fields, text } = await ask({}, { encoding: "gzip", vary: "Accept-Encoding" });
  assert.equal(status, 200);
  assert.equal(text, "0123456789");
  assert.deepEqual(fields, {
    etag: '"tag"',
    "cache-control": "no-cache",
    vary: "Accept-Encoding",
    "last-modified": "Sat, 05 Jan 2030 08:00:00 GMT",
    "content-type": "text/plain",
    "content-encoding": "gzip",
    "accept-ranges": "bytes",
    "content-length": "10",
  });
});

test("a HEAD gets the same fields and opens nothing", async () => {
  const open = () => assert.fail("opened");
  const head = await ask({ range: "bytes=0-1" }, { open }, "HEAD");
  assert.equal(head.status, 200);
  assert.deepEqual(head.fields, (await ask()).fields);
});

test("what only some may read is kept by no shared cache", async () => {
  const { headers } = await respond(representation(), { method: "GET", headers: {} }, { isProtected: true, signal });
  assert.equal(headers?.["cache-control"], "private, no-cache");
});

for (const [field, status] of [
  ['"tag"', 304],
  ['W/"tag"', 304],
  ['"a, b", W/"c" ,"tag"', 304],
  ["*", 304],
  ['"other"', 200],
  ['"tag', 200],
  ["tag", 200],
  ['"a,"tag"', 200],
  ["", 200],
] as const) {
  test(`If-None-Match: ${field} is answered ${status}`, async () => {
    const answer = await ask({ "if-none-match": field });
    assert.equal(answer.status, status);
    assert.equal(answer.isOpen, status === 200);
    assert.equal(answer.fields["etag"], '"tag"');
  });
}

for (const [field, status] of [
  ['"tag"', 200],
  ["*", 200],
  ['W/"tag"', 412],
  ['"other"', 412],
] as const) {
  test(`If-Match: ${field} is answered ${status}`, async () => {
    assert.equal((await ask({ "if-match": field })).status, status);
  });
}

test("If-Modified-Since counts where there is no If-None-Match", async () => {
  const since = "Sat, 05 Jan 2030 08:00:00 GMT";
  assert.equal((await ask({ "if-modified-since": since })).status, 304);
  assert.equal((await ask({ "if-modified-since": "Sat, 05 Jan 2030 07:59:59 GMT" })).status, 200);
  assert.equal((await ask({ "if-modified-since": "some day" })).status, 200);
  assert.equal((await ask({ "if-modified-since": since, "if-none-match": '"other"' })).status, 200);
  assert.equal((await ask({ "if-modified-since": since }, { modified: undefined })).status, 200);
});

test("a time that something newer may still have as well is not told, and not believed", async () => {
  const { status, fields } = await ask(
    { "if-modified-since": "Sat, 05 Jan 2030 08:00:00 GMT" },
    {},
    "GET",
    MODIFIED.getTime() + 2000,
  );
  assert.equal(status, 200);
  assert.equal(fields["last-modified"], undefined);
});

for (const [field, text, range] of [
  ["bytes=0-0", "0", "bytes 0-0/10"],
  ["bytes=2-4", "234", "bytes 2-4/10"],
  ["bytes=7-", "789", "bytes 7-9/10"],
  ["bytes=7-99", "789", "bytes 7-9/10"],
  ["bytes=-3", "789", "bytes 7-9/10"],
  ["bytes=-99", "0123456789", "bytes 0-9/10"],
  ["Bytes=0-", "0123456789", "bytes 0-9/10"],
] as const) {
  test(`Range: ${field} gets ${range}`, async () => {
    const answer = await ask({ range: field });
    assert.equal(answer.status, 206);
    assert.equal(answer.text, text);
    assert.equal(answer.fields["content-range"], range);
    assert.equal(answer.fields["content-length"], String(text.length));
  });
}

for (const field of ["bytes=10-", "bytes=10-12", "bytes=-0"]) {
  test(`Range: ${field} is answered 416 with the size`, async () => {
    const answer = await ask({ range: field });
    assert.equal(answer.status, 416);
    assert.equal(answer.fields["content-range"], "bytes */10");
    assert.equal(answer.text, "");
  });
}

for (const field of ["bytes=0-1,4-5", "bytes=5-4", "bytes=-", "lines=1-2", "bytes=a-b", ""]) {
  test(`Range: "${field}" is passed over`, async () => {
    const answer = await ask({ range: field });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, "0123456789");
  });
}

test("a range is passed over where there are none", async () => {
  const answer = await ask({ range: "bytes=0-1" }, { ranges: false });
  assert.equal(answer.status, 200);
  assert.equal(answer.fields["accept-ranges"], "none");
});

for (const [field, status] of [
  ['"tag"', 206],
  ["Sat, 05 Jan 2030 08:00:00 GMT", 206],
  ['"other"', 200],
  ['W/"tag"', 200],
  ["Sat, 05 Jan 2030 08:00:01 GMT", 200],
] as const) {
  test(`If-Range: ${field} is answered ${status}`, async () => {
    assert.equal((await ask({ range: "bytes=2-4", "if-range": field })).status, status);
  });
}

test("a client that has it already gets no range of it", async () => {
  assert.equal((await ask({ range: "bytes=2-4", "if-none-match": '"tag"' })).status, 304);
});

test("any range that is answered 206 is that part of the whole", () =>
  fc.assert(
    fc.asyncProperty(fc.option(fc.nat(12)), fc.option(fc.nat(12)), async (first, last) => {
      const { status, fields, text } = await ask({ range: `bytes=${first ?? ""}-${last ?? ""}` });
      if (status !== 206) return;
      const [, start, end] = /^bytes (\d+)-(\d+)\/10$/.exec(fields["content-range"]!)!;
      assert.equal(text, CONTENT.toString().slice(Number(start), Number(end) + 1));
    }),
  ));
