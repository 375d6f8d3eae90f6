import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OpenLists } from "../../lib/template/open-lists.ts";

/** A list of items, some of which are lists themselves. */
type Nested = readonly (number | Nested)[];

const { nested } = fc.letrec<{ nested: Nested }>((tie) => ({
  nested: fc.array(fc.oneof({ depthSize: "small" }, fc.nat(), tie("nested")), { maxLength: 5 }),
}));

test("lists that are gathered within each other are what was added to each", () => {
  const lists = new OpenLists<number | Nested>();
  const gathered = (list: Nested): Nested => {
    const opened = lists.open();
    for (const item of list) lists.add(typeof item === "number" ? item : gathered(item));
    return lists.take(opened);
  };
  fc.assert(fc.property(nested, (list) => assert.deepEqual(gathered(list), list)));
});
