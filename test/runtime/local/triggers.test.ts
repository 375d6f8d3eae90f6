import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { RejectedError } from "../../../lib/errors.ts";
import { parseTriggers, readTriggers, type Wiring } from "../../../lib/runtime/local/index.ts";

const parse = (text: string): Wiring => parseTriggers([{ name: "t.yaml", text }]);
const service = (name: string): string =>
  `{ ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: ${name} } }`;
const trigger = (spec: string, name = "one"): string =>
  `apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: { name: ${name} }\nspec:\n  broker: b\n${spec.replace(/^/gm, "  ")}`;
const plain = trigger(`subscriber: ${service("fn")}`);
const broker = (spec: string): string =>
  `apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: { name: b }\nspec: ${spec}`;
const ping = (more = "", schedule = '"*/5 * * * *"'): string => `
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: { name: nightly, namespace: releases }
spec:
  schedule: ${schedule}
  contentType: application/json
  data: '{"task":"x"}'
  sink: { ref: { apiVersion: eventing.knative.dev/v1, kind: Broker, name: b } }
${more}`;

const refuses = (text: string, message: RegExp): void =>
  assert.throws(
    () => parse(text),
    (error: unknown) => {
      assert.ok(error instanceof RejectedError && error.code === "TRIGGER_INVALID", String(error));
      assert.match(error.message, /^Cannot use triggers of t\.yaml: /);
      assert.match(error.message, message);
      return true;
    },
  );

test("a trigger in all its parts is understood", () => {
  const spec = `
filters:
- any:
  - prefix: { type: dev.stowage. }
  - not: { exact: { artifactkind: image } }
subscriber: { ref: { apiVersion: sinks.knative.dev/v1alpha1, kind: JobSink, name: build } }
delivery:
  retry: 3
  backoffPolicy: linear
  backoffDelay: PT0.5S
  timeout: P1DT2H3M4.5S
  retryAfterMax: PT1M
  deadLetterSink: ${service("bury")}`;
  assert.deepEqual(parse(trigger(spec)).triggers, [
    {
      name: "one",
      filters: [{ any: [{ prefix: { type: "dev.stowage." } }, { not: { exact: { artifactkind: "image" } } }] }],
      subscriber: { kind: "JobSink", name: "build" },
      delivery: {
        retry: 3,
        backoffPolicy: "linear",
        backoffDelay: 500,
        timeout: ((26 * 60 + 3) * 60 + 4.5) * 1000,
        retryAfterMax: 60_000,
        deadLetterSink: { kind: "Service", name: "bury" },
      },
    },
  ]);
});

describe("delivery", () => {
  const own = trigger(`subscriber: ${service("fn")}\ndelivery: { retry: 1 }`);

  test("says nothing anywhere: Knative's defaults", () => {
    const [{ delivery } = {}] = parse(plain).triggers;
    assert.deepEqual(delivery, {
      retry: 10,
      backoffPolicy: "exponential",
      backoffDelay: 200,
      deadLetterSink: undefined,
    });
  });

  test("a trigger's own replaces the broker's as a whole, but for the dead letter sink", () => {
    const ofBroker = broker(`{ delivery: { retry: 7, backoffDelay: PT9S, deadLetterSink: ${service("bury")} } }`);
    const bury = { kind: "Service", name: "bury" };
    assert.deepEqual(parse(`${own}\n---\n${ofBroker}`).triggers[0]?.delivery, { retry: 1, deadLetterSink: bury });
    assert.deepEqual(parse(`${plain}\n---\n${ofBroker}`).triggers[0]?.delivery, {
      retry: 7,
      backoffDelay: 9000,
      deadLetterSink: bury,
    });
  });

  test("without retry nothing is retried", () => {
    const given = trigger(`subscriber: ${service("fn")}\ndelivery: { timeout: PT1S }`);
    assert.equal(parse(given).triggers[0]?.delivery.retry, 0);
  });

  for (const duration of ["5s", "PT", "P", "P1Y", "P1M", "P1W", "PT-1S", "PT1.S", "P8D", "1"]) {
    test(`"${duration}" is no duration`, () => {
      const given = trigger(`subscriber: ${service("fn")}\ndelivery: { backoffDelay: "${duration}" }`);
      refuses(given, /Trigger "one": spec\.delivery\.backoffDelay/);
    });
  }
});

test("filters win over filter, and no filter is none", () => {
  const filter = "filter: { attributes: { type: a } }";
  const subscriber = `subscriber: ${service("fn")}`;
  assert.deepEqual(parse(plain).triggers[0]?.filters, []);
  assert.deepEqual(parse(trigger(`${filter}\n${subscriber}`)).triggers[0]?.filters, [{ attributes: { type: "a" } }]);
  const both = trigger(`${filter}\nfilters: [{ exact: { type: b } }]\n${subscriber}`);
  assert.deepEqual(parse(both).triggers[0]?.filters, [{ exact: { type: "b" } }]);
});

describe("what the embedded broker does not do is refused, by file, object and field:", () => {
  const filters = (yaml: string): string => trigger(`filters: ${yaml}\nsubscriber: ${service("fn")}`);
  const cases: Record<string, [string, RegExp]> = {
    CESQL: [filters(`[{ cesql: "type = 'a'" }]`), /Trigger "one": spec\.filters\.0: .*cesql/],
    "a dialect that is none": [filters("[{ equals: { type: a } }]"), /spec\.filters\.0: .*equals/],
    "two dialects in one filter": [filters("[{ exact: { type: a }, prefix: { type: b } }]"), /exactly one dialect/],
    "a filter without dialect": [filters("[{}]"), /exactly one dialect/],
    "an empty value": [filters("[{ exact: { type: '' } }]"), /spec\.filters\.0\.exact\.type/],
    "no attribute": [filters("[{ exact: {} }]"), /names no attribute/],
    "a name that is none": [filters("[{ exact: { artifactKind: a } }]"), /not an attribute name/],
    "a value that is no text": [filters("[{ exact: { type: 1 } }]"), /expected string/],
    "an empty any": [filters("[{ any: [] }]"), /spec\.filters\.0\.any/],
    "a CESQL deep inside": [filters("[{ not: { all: [{ cesql: x }] } }]"), /spec\.filters\.0\.not\.all\.0: .*cesql/],
    "a subscriber by URI": [trigger("subscriber: { uri: http://x }"), /spec\.subscriber/],
    "a subscriber in another namespace": [
      trigger("subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: fn, namespace: x } }"),
      /namespace/,
    ],
    "a subscriber of another kind": [
      trigger("subscriber: { ref: { apiVersion: apps/v1, kind: Deployment, name: fn } }"),
      /spec\.subscriber\.ref/,
    ],
    "a delivery order": [
      plain.replace(
        "{ name: one }",
        "{ name: one, annotations: { kafka.eventing.knative.dev/delivery.order: ordered } }",
      ),
      /embedded broker does not know/,
    ],
    "an unknown field": [trigger(`subscriber: ${service("fn")}\nretries: 3`), /spec: .*retries/],
    "an unknown delivery field": [trigger(`subscriber: ${service("fn")}\ndelivery: { jitter: 1 }`), /jitter/],
    "more retries than anybody waits for": [trigger(`subscriber: ${service("fn")}\ndelivery: { retry: 101 }`), /retry/],
    "another kind": [plain.replace("kind: Trigger", "kind: Sequence"), /Sequence "one": kind/],
    "another version": [plain.replace("dev/v1", "dev/v1beta1"), /apiVersion/],
    "no name": [plain.replace("{ name: one }", "{}"), /metadata\.name/],
    "a document that is no object": ["just text", /document/],
    "a name twice": [`${plain}\n---\n${plain}`, /another Trigger "one"/],
    "two brokers": [
      `${plain}\n---\n${trigger(`subscriber: ${service("fn")}`, "two").replace("broker: b", "broker: c")}`,
      /several brokers: b, c/,
    ],
    "broken YAML": ["a: [", /./],
    "a key twice": [plain.replace("spec:", "kind: Trigger\nspec:"), /unique/],
    "an unknown tag": ["!!js/function x", /./],
    "aliases that multiply": [
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]`,
      /alias/i,
    ],
    "endless nesting": [`a: ${"[".repeat(60_000)}`, /./],
  };
  for (const [name, [text, message]] of Object.entries(cases)) test(name, () => refuses(text, message));
});

describe("a PingSource", () => {
  test("is understood", () => {
    assert.deepEqual(parse(ping("  timezone: Asia/Shanghai\n  ceOverrides: { extensions: { task: x } }")).sources, [
      {
        name: "nightly",
        namespace: "releases",
        schedule: "*/5 * * * *",
        timezone: "Asia/Shanghai",
        data: { task: "x" },
        extensions: { task: "x" },
      },
    ]);
    assert.equal(parse(ping("", '"30 0 3 * * MON-FRI"')).sources.length, 1);
  });

  for (const schedule of [
    "@hourly",
    "* * * *",
    "61 * * * *",
    "0 0 L * *",
    "0 0 ? * *",
    "0 0 * * MON#2",
    "0 0 31 2 *",
    "* * * * * * *",
  ]) {
    test(`"${schedule}" is no schedule`, () => refuses(ping("", `"${schedule}"`), /spec\.schedule/));
  }

  test("needs JSON that says it is, a broker and a time zone that exists", () => {
    refuses(ping().replace("application/json", "text/plain"), /spec\.contentType: must be "application\/json"/);
    refuses(ping().replace("  contentType: application/json\n", ""), /spec\.contentType/);
    for (const data of ["[1]", "{", "null"])
      refuses(ping().replace('{"task":"x"}', data), /spec\.data: is not a JSON object/);
    refuses(ping("  timezone: Mars/Olympus"), /spec\.schedule/);
    refuses(ping().replace(/sink: .*/, `sink: ${service("fn")}`), /spec\.sink/);
    refuses(ping("  ceOverrides: { extensions: { Task: x } }"), /extensions/);
  });
});

test("a JobSink is a name, whatever its Job is", () => {
  const jobSink = `apiVersion: sinks.knative.dev/v1alpha1\nkind: JobSink\nmetadata: { name: build }\nspec: { job: { spec: {} } }`;
  assert.deepEqual(parse(`${jobSink}\n---\n`), { triggers: [], sources: [] });
});

describe("a directory of files", () => {
  const withDirectory = async (
    files: Record<string, string>,
    run: (directory: string) => Promise<void>,
  ): Promise<void> => {
    const directory = await mkdtemp(join(tmpdir(), "stowage-triggers-"));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
      await run(directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };

  test("is read in the order of the names; what is no YAML is left alone", () =>
    withDirectory(
      { "b.yaml": trigger(`subscriber: ${service("fn")}`, "second"), "a.yml": plain, "README.md": "# no" },
      async (directory) => {
        const { triggers } = await readTriggers(directory);
        assert.deepEqual(
          triggers.map(({ name }) => name),
          ["one", "second"],
        );
      },
    ));

  test("a file that is too large or a directory that is not there is refused", () =>
    withDirectory({ "a.yaml": `# ${"x".repeat(256 * 1024)}` }, async (directory) => {
      await assert.rejects(readTriggers(directory), { code: "TRIGGER_INVALID", message: /larger than/ });
      await assert.rejects(readTriggers(join(directory, "none")), { code: "TRIGGER_INVALID", message: /ENOENT/ });
    }));
});

test("the project's own triggers are understood", async () => {
  const { triggers } = await readTriggers(join(import.meta.dirname, "../../../triggers"));
  assert.ok(triggers.length > 0);
});
