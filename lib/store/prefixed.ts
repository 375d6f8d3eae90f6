import { checkKey } from "./keys.ts";
import { urlOfKey } from "./object-url.ts";
import type { Stat, Store } from "./store.ts";

/**
 * The part of a store that lies below `prefix/`, as a store of its own: keys are relative to it and cannot leave it.
 *
 * @throws RejectedError STORE_KEY_INVALID when the prefix could not be a key
 */
export function prefixed(store: Store, prefix: string): Store {
  checkKey(prefix);
  const inner = (key: string): string => `${prefix}/${key}`;
  const outer = <T extends Stat>(stat: T): T => ({ ...stat, key: stat.key.slice(prefix.length + 1) });
  return {
    url: urlOfKey(store.url, prefix),
    async stat(key, signal) {
      const stat = await store.stat(inner(key), signal);
      return stat && outer(stat);
    },
    get: async (key, options) => outer(await store.get(inner(key), options)),
    async *list(start, signal) {
      for await (const stat of store.list(inner(start), signal)) yield outer(stat);
    },
    put: (key, body, options) => store.put(inner(key), body, options),
    delete: (key, signal) => store.delete(inner(key), signal),
  };
}
