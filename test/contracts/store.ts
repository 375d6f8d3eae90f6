import { describe, it } from "node:test";
import type { Store } from "../../lib/store/index.ts";
import { assemblies } from "./store/assemblies.ts";
import { contents } from "./store/contents.ts";
import { keyRules, keysAsDirectories, listings } from "./store/keys.ts";
import type { Promised } from "./store/support.ts";
import { interruptions, writes } from "./store/writes.ts";

/** An empty store of a test, and the end of whatever is behind it. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
}

export interface StoreKind {
  /** Whether it refuses a key that is another key's directory. Default: true */
  readonly directories?: boolean;
}

/** What every store promises. `open` gives a new, empty one each time. */
export function testStore(
  name: string,
  open: () => Promise<OpenedStore>,
  { directories = true }: StoreKind = {},
): void {
  describe(`a store (${name})`, () => {
    const promise: Promised = (title, run) => {
      it(title, async () => {
        await using opened = await open();
        await run(opened.store);
      });
    };
    contents(promise);
    writes(promise);
    interruptions(promise);
    if (directories) keysAsDirectories(promise);
    keyRules(promise);
    listings(promise);
    assemblies(promise);
  });
}
