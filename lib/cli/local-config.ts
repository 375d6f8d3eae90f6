import { join, resolve } from "node:path";
import { type Config, type Environment, loadConfig } from "../config/index.ts";

export interface LocalOptions {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
}

/** Configuration of a process that keeps everything below one directory: `--data`, else `./stowage-data`. */
export async function loadLocalConfig(
  env: Environment,
  { data = "stowage-data", config }: LocalOptions,
): Promise<{ readonly config: Config; readonly directory: string; readonly secretFile: string }> {
  const directory = resolve(data);
  const secretFile = join(directory, "secrets", "webhook");
  const loaded = await loadConfig(env, {
    ...(config === undefined ? {} : { file: config }),
    defaults: { store: `file:${join(directory, "store")}`, webhooks: { distribution: { secretFile } } },
  });
  return { config: loaded, directory, secretFile };
}
