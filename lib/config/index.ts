export { withAdapterArguments } from "./adapter-settings.ts";
export { checkConfig, type Environment, loadConfig } from "./load.ts";
export { type Config, configSchema, type SecretReference } from "./schema.ts";
