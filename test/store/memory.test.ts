import { openMemoryStore } from "../../lib/store/memory.ts";
import { testStore } from "../contracts/store.ts";

testStore("memory:", async () => ({ store: openMemoryStore(), async [Symbol.asyncDispose]() {} }));
