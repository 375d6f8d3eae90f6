import { parseArgs } from "node:util";
import { RejectedError } from "../errors.ts";

/**
 * The settings of oci-chartrepo, which stowage can take the place of: as its arguments, or as environment variables
 * (spec CR-6 to CR-9).
 */
const variables = {
  port: "PORT",
  storage: "STOWAGE_STORAGE",
  "storage-registry-repo": "STOWAGE_STORAGE_REGISTRY_REPO",
  "storage-registry-scheme": "STOWAGE_STORAGE_REGISTRY_SCHEME",
} as const;

const DEFAULT_REGISTRY = "localhost:5000";

/**
 * The environment with what the arguments say: they win.
 *
 * @throws RejectedError CONFIG_INVALID for any other argument
 */
export function withAdapterArguments(
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const names = Object.keys(variables) as (keyof typeof variables)[];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const given = { ...env };
  try {
    const { values } = parseArgs({ args: [...args], options });
    for (const name of names) if (values[name] !== undefined) given[variables[name]] = String(values[name]);
  } catch (cause) {
    const known = names.map((name) => `--${name}`).join(", ");
    throw new RejectedError("CONFIG_INVALID", `Cannot use arguments: ${(cause as Error).message}; there are ${known}`, {
      cause,
    });
  }
  return given;
}

/**
 * Let a configuration serve the registry that the environment names. What the configuration says itself of that registry
 * stays.
 *
 * @throws RejectedError CONFIG_INVALID for another storage than a registry (spec CR-T34)
 */
export function withAdapterSettings(
  config: Record<string, unknown>,
  env: Readonly<Record<string, string | undefined>>,
): void {
  const storage = env[variables.storage] || undefined;
  const address = env[variables["storage-registry-repo"]] || undefined;
  const wanted = env[variables["storage-registry-scheme"]] || undefined;
  if (storage !== undefined && storage !== "registry") {
    throw new RejectedError(
      "CONFIG_INVALID",
      `Cannot use storage "${storage.slice(0, 100)}": there is only "registry"`,
    );
  }
  if (storage === undefined && address === undefined && wanted === undefined) return;

  const [, prefix, host = ""] = /^(?:(https?):\/\/)?(.*?)\/*$/i.exec(address ?? DEFAULT_REGISTRY) ?? [];
  // the argument, else the prefix, else a probe: https first (spec CR-W6)
  const scheme = [wanted, prefix]
    .map((text) => text?.toLowerCase())
    .find((text) => text === "http" || text === "https");
  const registries = listOf(config["registries"]);
  if (registries !== undefined && !registries.some((one) => isRecord(one) && one["host"] === host)) {
    config["registries"] = [...registries, { host, scheme: scheme ?? "auto" }];
  }
  const index = config["index"] ?? {};
  if (isRecord(index) && index["registries"] === undefined) config["index"] = { ...index, registries: [host] };
}

/** @returns undefined for what is no list: that is refused with all other problems */
const listOf = (value: unknown): readonly unknown[] | undefined =>
  value === undefined ? [] : Array.isArray(value) ? value : undefined;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
