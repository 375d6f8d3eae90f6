import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, type Log } from "../../lib/runtime/index.ts";

const record = (level?: string): { readonly log: Log; readonly lines: () => readonly Record<string, unknown>[] } => {
  const written: string[] = [];
  const log = createLog({ level, write: (line) => written.push(line) });
  return { log, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
};

test("a line is JSON with level, time and sentence", () => {
  const { log, lines } = record();
  log.info({ chart: "web" }, "indexed");
  const [{ time, ...line } = {}] = lines();
  assert.deepEqual(line, { level: "info", chart: "web", msg: "indexed" });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test("secrets are hidden under every spelling, at every depth, in children too", () => {
  const { log, lines } = record();
  const secret = "s3cret";
  log
    .child({ apiKey: secret, request: { headers: { Authorization: secret, cookie: secret } } })
    .child({ token: secret })
    .warn({ list: [{ password: secret, access_key: secret }], clientSecret: secret, passwd: secret, user: "me" }, "x");
  assert.ok(!JSON.stringify(lines()).includes(secret));
  assert.equal(lines()[0]?.["user"], "me");
});

test("an error shows what every error has, with its causes, and no field of its own but the code", () => {
  const { log, lines } = record();
  const cause = Object.assign(new Error("reset"), { code: "ECONNRESET", config: { headers: { "x-auth": "s3cret" } } });
  log.error({ err: new TypeError("broken", { cause }) }, "failed");
  const { err } = lines()[0] as { err: { type: string; message: string; stack: string; cause: object } };
  assert.equal(err.type, "TypeError");
  assert.equal(err.message, "broken");
  assert.match(err.stack, /log\.test\.ts/);
  assert.deepEqual({ ...err.cause, stack: "" }, { type: "Error", message: "reset", code: "ECONNRESET", stack: "" });
});

test("an error that is its own cause, a URL with credentials and bytes do no harm", () => {
  const { log, lines } = record();
  const error = new Error("circle");
  error.cause = error;
  log.error({ err: error, url: new URL("http://user:s3cret@host/a?b=c"), body: new Uint8Array(9) }, "failed");
  const [line] = lines();
  assert.equal(line?.["url"], "http://host/a");
  assert.equal(line?.["body"], "[9 bytes]");
});

test("lines below the level are not written, and an unknown level is info", () => {
  const quiet = record("error");
  quiet.log.warn({}, "not this");
  quiet.log.error({}, "this");
  assert.deepEqual(
    quiet.lines().map(({ msg }) => msg),
    ["this"],
  );
  const unknown = record("shout");
  unknown.log.debug({}, "not this");
  unknown.log.info({}, "this");
  assert.equal(unknown.lines().length, 1);
});
