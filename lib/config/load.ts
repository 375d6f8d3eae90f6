import { homedir } from "node:os";
import { join } from "node:path";
import { withAdapterSettings } from "./adapter-settings.ts";
import type { Config } from "./schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadOptions {
  /** Default: `STOWAGE_CONFIG`; without it everything has its default. */
  readonly file?: string | undefined;
  /** What the host suggests for top-level fields that neither file nor environment set. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/**
 * Read the configuration: the file named by `STOWAGE_CONFIG` (or `options.file`), overridden by the environment.
 *
 * `STOWAGE_STORE` sets the store, `STOWAGE_WEBHOOK_SECRET_FILE` the secret of distribution webhooks, `K_SINK` (set by a
 * SinkBinding) the sink. Credentials are looked for in the configured files, `$DOCKER_CONFIG/config.json`,
 * `~/.docker/config.json` and `/etc/secret/dockerconfigjson`, in this order (design/cli.md, CR-14). For the settings of
 * oci-chartrepo see adapter-settings.ts.
 *
 * @throws RejectedError CONFIG_INVALID with every problem at once
 */
export async function loadConfig(
  env: Environment,
  { file = env["STOWAGE_CONFIG"], defaults = {} }: LoadOptions = {},
): Promise<Config> {
  const given = isNamed(file) ? await readFrom(file) : {};
  const { checkConfig } = await import("./check.ts");
  return checkConfig(isMap(given) ? withEnvironment({ ...defaults, ...given }, env) : given, file);
}

/**
 * Whether a file or the environment says anything besides where credentials are looked for. Where nothing is said, nothing
 * can be wrong, and {@linkcode loadConfig} may wait until something needs the configuration.
 *
 * @throws RejectedError CONFIG_INVALID as {@linkcode loadConfig} does for the settings of oci-chartrepo
 */
export const isConfigured = (env: Environment, file = env["STOWAGE_CONFIG"]): boolean =>
  isNamed(file) || Object.keys(withEnvironment({}, env)).some((field) => field !== "credentials");

const isNamed = (file: string | undefined): file is string => file !== undefined && file !== "";

/** Most hosts are configured by the environment alone: they need not load a YAML reader to start. */
const readFrom = async (file: string): Promise<unknown> => (await import("./read-file.ts")).readConfigFile(file);

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function withEnvironment(given: Readonly<Record<string, unknown>>, env: Environment): Record<string, unknown> {
  const config: Record<string, unknown> = { ...given };
  if (env["STOWAGE_STORE"]) config["store"] = env["STOWAGE_STORE"];
  if (env["K_SINK"]) config["sink"] = env["K_SINK"];
  if (env["STOWAGE_WEBHOOK_SECRET_FILE"]) {
    config["webhooks"] = {
      ...(isMap(config["webhooks"]) ? config["webhooks"] : {}),
      distribution: { secretFile: env["STOWAGE_WEBHOOK_SECRET_FILE"] },
    };
  }
  withAdapterSettings(config, env);
  const configured = config["credentials"];
  if (configured === undefined || Array.isArray(configured)) {
    config["credentials"] = [...(configured ?? []), ...usualCredentials(env)];
  }
  return config;
}

const usualCredentials = (env: Environment): readonly string[] => [
  ...(env["DOCKER_CONFIG"] ? [join(env["DOCKER_CONFIG"], "config.json")] : []),
  join(env["HOME"] ?? homedir(), ".docker", "config.json"),
  "/etc/secret/dockerconfigjson",
];
