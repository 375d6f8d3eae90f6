export { withAdapterArguments } from "./adapter-settings.ts";
export { checkConfig } from "./check.ts";
export { type Environment, isConfigured, loadConfig } from "./load.ts";
export { type Config, configSchema, type SecretReference } from "./schema.ts";
