import assert from "node:assert/strict";
import { describe as suite, test } from "node:test";
import type { Target } from "../../lib/oci/content.ts";
import { namesAndContent } from "./target/content.ts";
import { refusals } from "./target/refusals.ts";
import { referrals, removal } from "./target/removal.ts";
import { transfers } from "./target/transfers.ts";

export interface OpenedTarget {
  readonly target: Target;
  close(): Promise<void>;
}

/**
 * What every Target promises (lib/oci/content.ts), as tests.
 *
 * @param open makes an empty target; called once for each test
 * @param skip title of a test → why the implementation cannot keep that promise
 */
export function testTarget(
  name: string,
  open: () => Promise<OpenedTarget>,
  skip: Readonly<Record<string, string>> = {},
): void {
  suite(`${name} as a target`, () => {
    const unused = new Set(Object.keys(skip));
    const promise = (title: string, run: (target: Target) => Promise<void>): void => {
      unused.delete(title);
      test(title, skip[title] === undefined ? {} : { skip: skip[title] }, async () => {
        const { target, close } = await open();
        try {
          await run(target);
        } finally {
          await close();
        }
      });
    };
    namesAndContent(promise);
    refusals(promise);
    transfers(promise);
    removal(promise);
    referrals(promise);
    assert.deepEqual([...unused], [], "skips a promise that does not exist");
  });
}
