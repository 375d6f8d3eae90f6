export { JsonSchema } from "./json-schema.ts";
