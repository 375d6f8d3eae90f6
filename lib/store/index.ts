export { checkKey, checkPrefix } from "./keys.ts";
export { openStore } from "./open-store.ts";
export { prefixed } from "./prefixed.ts";
export { readJson, readObject } from "./read-object.ts";
export type { Body, GetOptions, PutOptions, RangeBody, Reader, Stat, Store, StoredObject } from "./store.ts";
