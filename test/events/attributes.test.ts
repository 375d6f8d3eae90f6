import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { envelope, refuses, structured } from "./messages.ts";

describe("attributes", () => {
  for (const name of ["CamelCase", "with-dash", "with_underscore", "ünicode", "data_x", ""]) {
    test(`"${name}" is refused as a name`, () => {
      refuses(() => structured({ ...envelope, [name]: "x" }), "EVENT_MALFORMED", /is not an attribute name/);
    });
  }

  for (const time of [
    "yesterday",
    "2026-11-21",
    "2026-11-21T05:00:00",
    "2026-11-21 05:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-11-21T24:00:00Z",
    "2026-11-21T05:00:00+0800",
    "2026-11-21T05:00:61Z",
    "",
  ]) {
    test(`"${time}" is refused as a time`, () => {
      refuses(() => structured({ ...envelope, time }), "EVENT_MALFORMED", /time/);
    });
  }

  for (const time of ["2024-02-29T23:59:60Z", "2026-11-21t05:00:00.5z", "0001-01-01T00:00:00-23:59"]) {
    test(`"${time}" is a time`, () => {
      assert.equal(structured({ ...envelope, time }).time, time);
    });
  }

  for (const source of [
    "a b",
    "€",
    "http://[::1",
    "1:2",
    "/a%zz",
    "http://a:b:c/",
    "//[::1]x",
    "a#b#c",
    "<x>",
    "a\\b",
  ]) {
    test(`"${source}" is refused as a source`, () => {
      refuses(() => structured({ ...envelope, source }), "EVENT_MALFORMED", /source is not a URI reference/);
    });
  }

  for (const source of [
    "/apis/v1/namespaces/x/pingsources/y",
    "https://user@host:8443/a;b?c=d/?#e",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "acs.cr",
    "mailto:a@example.org",
    "//[2001:db8::1]:80/x",
    "?q",
    "a/b:c",
    "http://127.0.0.1:5000",
  ]) {
    test(`"${source}" is a source`, () => {
      assert.equal(structured({ ...envelope, source }).source, source);
    });
  }

  test("other versions, relative schemas and content types that are none are refused", () => {
    refuses(() => structured({ ...envelope, specversion: "0.3" }), "EVENT_MALFORMED", /specversion/);
    refuses(() => structured({ ...envelope, dataschema: "/relative" }), "EVENT_MALFORMED", /dataschema/);
    refuses(() => structured({ ...envelope, datacontenttype: "json" }), "EVENT_MALFORMED", /datacontenttype/);
    refuses(() => structured({ ...envelope, subject: "a\u0000b" }), "EVENT_MALFORMED", /subject holds a control/);
    refuses(() => structured({ ...envelope, subject: "\ud800" }), "EVENT_MALFORMED", /subject/);
  });

  test("16 KiB are enough for all of them together", () => {
    const fits = 16 * 1024 - Object.entries(envelope).flat().join("").length - "big".length;
    assert.equal(structured({ ...envelope, big: "x".repeat(fits) }).extensions["big"]?.length, fits);
    refuses(() => structured({ ...envelope, big: "x".repeat(fits + 1) }), "EVENT_TOO_LARGE", /16384 bytes/);
  });

  test("a hostile source is judged in linear time", () => {
    const started = process.cpuUsage().user;
    for (const part of ["a@", "a:", "%41", "//", "?a", "[", "a.b@:"]) {
      try {
        structured({ ...envelope, source: `${part.repeat(5000 / part.length)}\\` });
      } catch {
        // refused, as it should be
      }
    }
    assert.ok(process.cpuUsage(undefined).user - started < 1_000_000, "took more than a second of CPU");
  });
});
