import type { Store } from "../../../lib/store/index.ts";

/** A store as one process sees it: `before` runs ahead of each operation, `after` behind it. */
export function seenBy(store: Store, before: (what: string) => Promise<void>, after: () => void = () => {}): Store {
  const through = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    await before(what);
    const result = await work();
    after();
    return result;
  };
  return {
    url: store.url,
    stat: (key, stop) => through(`stat ${key}`, () => store.stat(key, stop)),
    get: (key, options) => through(`get ${key}`, () => store.get(key, options)),
    put: (key, body, options) => through(`put ${key}`, () => store.put(key, body, options)),
    delete: (key, stop) => through(`delete ${key}`, () => store.delete(key, stop)),
    async *list(prefix, stop) {
      yield* await through(`list ${prefix}`, () => Array.fromAsync(store.list(prefix, stop)));
    },
  };
}
