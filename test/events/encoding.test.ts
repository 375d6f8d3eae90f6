import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decode, encode, fromStructured, toStructured, type WireEvent } from "../../lib/events/index.ts";
import { bytes, envelope, required } from "./messages.ts";

/** Text without control characters, noncharacters and lone surrogates: what CloudEvents calls a String. */
const text = fc
  .string({ unit: "binary", minLength: 1, maxLength: 20 })
  .filter((value) => !/\p{Control}|\p{Noncharacter_Code_Point}|\p{Surrogate}/u.test(value));
const json = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const event: fc.Arbitrary<WireEvent> = fc
  .record(
    {
      specversion: fc.constant("1.0" as const),
      id: text,
      source: fc.webUrl().filter((url) => !url.includes("'")),
      type: text,
      subject: text,
      time: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString()),
      dataschema: fc.webUrl(),
      extensions: fc.dictionary(
        fc
          .stringMatching(/^[a-z0-9]{1,20}$/)
          .filter((name) => !["data", "id", "source", "type", "time"].includes(name)),
        text,
        { maxKeys: 5, noNullPrototype: true },
      ),
    },
    { requiredKeys: ["specversion", "id", "source", "type", "extensions"], noNullPrototype: true },
  )
  .chain((attributes) =>
    fc.oneof(
      fc.constant(attributes),
      json.map((data) => ({ ...attributes, datacontenttype: "application/json", data })),
      fc
        .uint8Array({ minLength: 1 })
        .map((data) => ({ ...attributes, datacontenttype: "application/octet-stream", data: new Uint8Array(data) })),
    ),
  );

describe("encoding", () => {
  for (const mode of ["binary", "structured"] as const) {
    test(`what is written in ${mode} mode is read back unchanged`, async () => {
      await fc.assert(
        fc.asyncProperty(event, async (given) => {
          const { headers, body } = await encode(given, mode);
          for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]*$/);
          const raw = typeof body === "string" ? bytes(body) : body;
          assert.deepEqual(decode({ headers, body: raw }), [given]);
        }),
      );
    });
  }

  test("an event is the same after it lay in a file", () => {
    fc.assert(
      fc.property(event, (given) => {
        assert.deepEqual(fromStructured(JSON.parse(JSON.stringify(toStructured(given)))), given);
      }),
    );
  });

  test("extensions may be called as members of objects or of the SDK's events are", async () => {
    const extensions = { constructor: "a", schemaurl: "b", datacontentencoding: "c", validate: "d", time0: "e" };
    const given: WireEvent = { specversion: "1.0", id: "1", source: "/here", type: "a.b", extensions };
    for (const mode of ["binary", "structured"] as const) {
      const { headers, body } = await encode(given, mode);
      assert.deepEqual(decode({ headers, body: bytes(String(body)) }), [given]);
    }
  });

  test("nothing is invented: no time, no content type without data", async () => {
    const bare: WireEvent = { specversion: "1.0", id: "1", source: "/here", type: "a.b", extensions: {} };
    assert.deepEqual(await encode(bare, "binary"), { headers: required, body: "" });
    assert.deepEqual(await encode(bare, "structured"), {
      headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
      body: JSON.stringify(envelope),
    });
  });

  test("data without a content type is JSON and says so; a string is quoted", async () => {
    const given: WireEvent = {
      specversion: "1.0",
      id: "1",
      source: "/here",
      type: "a.b",
      extensions: {},
      data: "text",
    };
    const { headers, body } = await encode(given, "binary");
    assert.equal(headers["content-type"], "application/json");
    assert.equal(body, '"text"');
  });
});
