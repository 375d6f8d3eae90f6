import { readSignatureCheck, verifyBundle } from "../bundle/index.ts";
import { compose } from "../compose.ts";
import { readArguments } from "./arguments.ts";
import { openBundlePlace, readText } from "./bundle-place.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Verb } from "./verb.ts";

/** Check a bundle or image archive byte by byte. Exit status 1 when anything is wrong with it. */
export const verify: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    { base: { type: "string" }, key: { type: "string" }, config: { type: "string" } },
    { min: 1 },
  );
  const { env, signal, stderr } = surroundings;
  const { config } = await loadLocalConfig(env, { config: values.config });
  const { stores } = await compose(config, { log: await surroundings.log(), patient: true }).ports(["stores"]);
  const signature = values.key === undefined ? undefined : readSignatureCheck(await readText(values.key));
  const bundle = await openBundlePlace(positionals[0]!, stores, signal);
  const base = values.base === undefined ? undefined : await openBundlePlace(values.base, stores, signal);
  const result = await verifyBundle(bundle, { base, signature, signal });
  await print(surroundings, `${JSON.stringify(result)}\n`);
  for (const problem of result.problems) stderr.write(`stowage verify: ${problem}\n`);
  if (result.base !== undefined) {
    stderr.write(
      `stowage verify: this is a delta; with --base ${result.base} what comes out of it is checked as well\n`,
    );
  }
  return result.ok ? 0 : 1;
};
