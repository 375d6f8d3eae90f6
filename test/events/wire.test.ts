import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decode } from "../../lib/events/index.ts";
import { batch, binary, bytes, envelope, refuses, required, structured } from "./messages.ts";

describe("binary mode", () => {
  test("attributes come from headers, the content type is one of them, JSON is parsed", () => {
    const headers = { "content-type": "application/json", "ce-subject": "x", "ce-repository": "charts/web" };
    assert.deepEqual(binary(headers, '{"n":1}'), {
      ...envelope,
      subject: "x",
      datacontenttype: "application/json",
      extensions: { repository: "charts/web" },
      data: { n: 1 },
    });
  });

  for (const type of [
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
    "Application/JSON",
    "text/json",
    "application/vnd.docker.distribution.events.v2+json",
    "application/problem+json; profile=x",
  ]) {
    test(`${type} is JSON`, () => {
      assert.deepEqual(binary({ "content-type": type }, ' \n{"n":1}').data, { n: 1 });
    });
  }

  for (const text of ["true", "42", "null", '"text"', "[]", "0", "false", '""']) {
    test(`the JSON value ${text} stays what it is`, () => {
      assert.deepEqual(binary({ "content-type": "application/json" }, text).data, JSON.parse(text));
    });
  }

  test("what is not JSON stays bytes, with or without a content type", () => {
    assert.deepEqual(binary({ "content-type": "text/plain" }, "{}").data, bytes("{}"));
    assert.deepEqual(binary({}, "{}").data, bytes("{}"));
  });

  test("no body is no data", () => {
    assert.ok(!("data" in binary({ "content-type": "application/json" })));
  });

  test("a time is kept to its last digit", () => {
    assert.equal(
      binary({ "ce-time": "2026-11-21T05:00:00.123456789+08:00" }).time,
      "2026-11-21T05:00:00.123456789+08:00",
    );
  });

  test("header values are unquoted, then percent-decoded once (HTTP binding 3.1.3.2)", () => {
    assert.equal(binary({ "ce-subject": "Euro%20%E2%82%AC%20%f0%9f%98%80" }).subject, "Euro € 😀");
    assert.equal(binary({ "ce-subject": "%41%2541" }).subject, "A%41");
    assert.equal(binary({ "ce-subject": '"a \\"b\\" \\\\ c"' }).subject, 'a "b" \\ c');
    assert.equal(binary({ "ce-subject": "two words" }).subject, "two words");
  });

  for (const [value, why] of [
    ["%C0%A0", "an overlong encoding"],
    ["%E2%82", "half a character"],
    ["100%", "a percent sign alone"],
    ["%ed%a0%80", "a surrogate"],
    ['"never closed', "an open quote"],
    ['"closed" twice"', "a quote in the middle of a quoted string"],
    ["caf\u00e9", "a byte that is not ASCII"],
    ["%0A", "a control character"],
    ["%EF%BF%BF", "a noncharacter"],
  ] as const) {
    test(`a header value with ${why} is refused`, () => {
      refuses(() => binary({ "ce-subject": value }), "EVENT_MALFORMED", /subject/);
    });
  }

  test("a missing or empty required attribute is named, and none is invented", () => {
    for (const name of ["specversion", "id", "source", "type"]) {
      refuses(() => binary({ [`ce-${name}`]: undefined }), "EVENT_MALFORMED", new RegExp(`${name} is missing`));
      refuses(() => binary({ [`ce-${name}`]: "" }), "EVENT_MALFORMED", new RegExp(`${name} is empty`));
    }
  });

  test("a message without any ce- header is no event", () => {
    const message = { headers: { "content-type": "application/json" }, body: bytes('{"id":"1"}') };
    refuses(() => decode(message), "EVENT_MALFORMED", /neither a ce-id header nor/);
    refuses(() => decode({ headers: {}, body: bytes("") }), "EVENT_MALFORMED", /neither/);
  });

  test("the content type has one place only", () => {
    refuses(() => binary({ "ce-datacontenttype": "text/plain" }), "EVENT_MALFORMED", /Content-Type/);
  });

  test("bad JSON, bad UTF-8 and another charset are refused", () => {
    refuses(() => binary({ "content-type": "application/json" }, "{"), "EVENT_MALFORMED", /not JSON/);
    const latin = {
      headers: { ...required, "content-type": "application/json" },
      body: Uint8Array.of(0x22, 0xe9, 0x22),
    };
    refuses(() => decode(latin), "EVENT_MALFORMED", /UTF-8/);
    refuses(() => binary({ "content-type": "application/json; charset=latin1" }, "{}"), "EVENT_MEDIA_TYPE", /latin1/);
  });
});

describe("structured mode", () => {
  test("parameters and spelling of the content type do not matter", () => {
    for (const parameter of ["", "; charset=utf-8", ";charset=UTF-8", ' ; charset="utf-8"']) {
      assert.equal(structured(envelope, `application/cloudevents+json${parameter}`).id, "1");
    }
    assert.equal(structured(envelope, "Application/CloudEvents+JSON").id, "1");
  });

  test("data is JSON unless the content type says otherwise", () => {
    assert.deepEqual(structured({ ...envelope, data: "text" }).data, "text");
    assert.deepEqual(structured({ ...envelope, data: 0 }).data, 0);
    assert.deepEqual(structured({ ...envelope, data: null }).data, null);
    assert.deepEqual(structured({ ...envelope, datacontenttype: "text/xml", data: "<a/>" }).data, bytes("<a/>"));
    refuses(
      () => structured({ ...envelope, datacontenttype: "text/xml", data: {} }),
      "EVENT_MALFORMED",
      /data is not text/,
    );
  });

  test("data_base64 is bytes, or the JSON that its content type promises", () => {
    assert.deepEqual(structured({ ...envelope, data_base64: "AAEC" }).data, Uint8Array.of(0, 1, 2));
    const json = { ...envelope, datacontenttype: "application/json", data_base64: btoa('{"n":1}') };
    assert.deepEqual(structured(json).data, { n: 1 });
    for (const wrong of ["AAE", "AAE=\n", "A-E_", "AAF=", 7]) {
      refuses(() => structured({ ...envelope, data_base64: wrong }), "EVENT_MALFORMED", /base64/);
    }
    refuses(() => structured({ ...envelope, data: 1, data_base64: "AAEC" }), "EVENT_MALFORMED", /both/);
  });

  test("integers and booleans become their canonical strings, null is unset", () => {
    const event = structured({ ...envelope, subject: null, count: -5, urgent: true, gone: null });
    assert.deepEqual(event.extensions, { count: "-5", urgent: "true" });
    assert.ok(!("subject" in event));
    for (const value of [1.5, 2 ** 31, {}, []]) {
      refuses(() => structured({ ...envelope, extra: value }), "EVENT_MALFORMED", /"extra"/);
    }
  });

  test("attributes the specification defines are text", () => {
    refuses(() => structured({ ...envelope, specversion: 1 }), "EVENT_MALFORMED", /specversion is not "1.0"/);
    refuses(() => structured({ ...envelope, id: {} }), "EVENT_MALFORMED", /"id"/);
    refuses(() => structured({ ...envelope, id: null }), "EVENT_MALFORMED", /id is missing/);
  });

  test("what is not an object is no event", () => {
    for (const value of [null, [], "text", 1]) {
      refuses(() => structured(value), "EVENT_MALFORMED", /not a JSON object/);
    }
  });

  test("a later duplicate of a key wins, as JSON parsers do it", () => {
    const body = bytes('{"specversion":"1.0","id":"1","id":"2","source":"/here","type":"a.b"}');
    assert.equal(decode({ headers: { "content-type": "application/cloudevents+json" }, body })[0]?.id, "2");
  });

  test("names that objects have anyway are only names", () => {
    const event = structured({ ...envelope, constructor: "a", tostring: "b" });
    assert.deepEqual(event.extensions, { constructor: "a", tostring: "b" });
    const hostile = bytes('{"specversion":"1.0","id":"1","source":"/here","type":"a.b","__proto__":"x"}');
    refuses(
      () => decode({ headers: { "content-type": "application/cloudevents+json" }, body: hostile }),
      "EVENT_MALFORMED",
      /"__proto__" is not an attribute name/,
    );
  });
});

describe("batches", () => {
  test("all events of a batch arrive, and an empty batch is one", () => {
    assert.deepEqual(
      batch([envelope, { ...envelope, id: "2" }]).map(({ id }) => id),
      ["1", "2"],
    );
    assert.deepEqual(batch([]), []);
  });

  test("one bad event refuses the whole batch and is named by its position", () => {
    refuses(
      () => batch([envelope, { ...envelope, id: "" }, envelope]),
      "EVENT_MALFORMED",
      /event 2 of 3 in the batch: id/,
    );
    refuses(() => batch([envelope, null]), "EVENT_MALFORMED", /event 2 of 2/);
  });

  test("a batch has at most 1000 events", () => {
    assert.equal(batch(Array(1000).fill(envelope)).length, 1000);
    refuses(() => batch(Array(1001).fill(envelope)), "EVENT_TOO_LARGE", /1001 events/);
    refuses(() => batch({ ...envelope }), "EVENT_MALFORMED", /not a JSON array/);
  });
});

describe("content types", () => {
  for (const type of [
    "application/cloudevents+xml",
    "application/cloudevents",
    "application/cloudevents-batch+avro",
    "json",
  ]) {
    test(`"${type}" is refused`, () => {
      refuses(() => structured(envelope, type), "EVENT_MEDIA_TYPE", /Cannot read event/);
    });
  }

  test("structured events are UTF-8", () => {
    refuses(() => structured(envelope, "application/cloudevents+json; charset=utf-16"), "EVENT_MEDIA_TYPE", /utf-16/);
  });

  test("a message quotes no more of the input than a reader needs", () => {
    const long = "x".repeat(10_000);
    for (const run of [
      () => structured(envelope, `application/cloudevents+${long}`),
      () => binary({ [`ce-${long}-`]: "" }),
    ]) {
      assert.throws(run, (error: Error) => error.message.length < 400);
    }
  });
});

describe("depth", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

  test("data may be 64 levels deep", () => {
    assert.ok(binary({ "content-type": "application/json" }, nested(64)).data);
    assert.ok(structured({ ...envelope, data: JSON.parse(nested(64)) }).data);
  });

  test("deeper data is refused in every mode, however deep", () => {
    for (const depth of [65, 100_000]) {
      const text = nested(depth);
      refuses(() => binary({ "content-type": "application/json" }, text), "EVENT_MALFORMED", /deeper than 64/);
      const event = `{"specversion":"1.0","id":"1","source":"/here","type":"a.b","data":${text}}`;
      for (const [type, body] of [
        ["application/cloudevents+json", event],
        ["application/cloudevents-batch+json", `[${event}]`],
      ] as const) {
        refuses(() => decode({ headers: { "content-type": type }, body: bytes(body) }), "EVENT_MALFORMED", /deeper/);
      }
      const encoded = { ...envelope, datacontenttype: "application/json", data_base64: btoa(text) };
      refuses(() => structured(encoded), "EVENT_MALFORMED", /deeper/);
    }
  });

  test("a body of brackets only is refused in every mode", () => {
    for (const type of ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"]) {
      const message = { headers: { ...required, "content-type": type }, body: bytes("[".repeat(1_000_000)) };
      refuses(() => decode(message), "EVENT_MALFORMED", /not JSON/);
    }
  });
});
