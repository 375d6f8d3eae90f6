import { readFile } from "node:fs/promises";
import { buildBundle, readRelease } from "../bundle/index.ts";
import { compose } from "../compose.ts";
import { openStore } from "../store/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Verb } from "./verb.ts";

/** Build the bundle of a release description into a store and print where it lies. */
export const bundle: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    { to: { type: "string" }, data: { type: "string" }, config: { type: "string" } },
    { min: 1 },
  );
  const { env, log, signal } = surroundings;
  const release = readRelease(await readText(positionals[0]!));
  const { config } = await loadLocalConfig(env, values);
  const ports = await compose(config, { log }).ports(["store", "registries", "renderer"]);
  const to = values.to === undefined ? undefined : await openStore(values.to);
  const { store: _, ...built } = await buildBundle(release, { ...ports, to }, signal);
  await print(surroundings, `${JSON.stringify(built)}\n`);
  return 0;
};

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read "${file}": ${(error as NodeJS.ErrnoException).code}`);
  }
}
