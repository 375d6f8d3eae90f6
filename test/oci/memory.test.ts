import { openMemory } from "../../lib/oci/memory.ts";
import { testTarget } from "../contracts/target.ts";

testTarget("memory", async () => ({ target: openMemory(), close: async () => {} }));
