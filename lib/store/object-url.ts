/** The URL of what lies under a key (or prefix) in a store. */
export const urlOfKey = (store: string, key: string): string =>
  key === "" ? store : [store, ...key.split("/").map(encodeURIComponent)].join("/");
