export { checkConfig, type Environment, loadConfig } from "./load.ts";
export { type Config, configSchema } from "./schema.ts";
