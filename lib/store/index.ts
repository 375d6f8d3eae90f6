export { assembled, type ObjectRange } from "./assembled.ts";
export { checkKey, checkPrefix } from "./keys.ts";
export { urlOfKey } from "./object-url.ts";
export { type OpenStoreOptions, openStore } from "./open-store.ts";
export { prefixed } from "./prefixed.ts";
export { readJson, readObject } from "./read-object.ts";
export type {
  Body,
  GetOptions,
  PartSource,
  PutOptions,
  RangeBody,
  Reader,
  Stat,
  Store,
  StoredObject,
  StoredRange,
} from "./store.ts";
