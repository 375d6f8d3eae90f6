import { dirname } from "node:path";
import { buildBundle, checkRelease, filesOf, readRelease, readSigner } from "../bundle/index.ts";
import { compose } from "../compose.ts";
import { readArguments } from "./arguments.ts";
import { openBundlePlace, readText } from "./bundle-place.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Verb } from "./verb.ts";

/** Build the bundle of a release description into a store and print where it lies. */
export const bundle: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    {
      to: { type: "string" },
      split: { type: "string" },
      base: { type: "string" },
      key: { type: "string" },
      data: { type: "string" },
      config: { type: "string" },
    },
    { min: 1 },
  );
  const { env, signal } = surroundings;
  const file = positionals[0]!;
  const described = readRelease(await readText(file));
  const release = values.split === undefined ? described : checkRelease({ ...described, split: values.split });
  const { config } = await loadLocalConfig(env, values);
  const deps = compose(config, { log: await surroundings.log(), patient: true });
  const ports = await deps.ports(["secrets", "store", "stores", "registries", "renderer"]);
  // what the configuration says is for all bundles: an exact package has no place for a signature
  const configured = release.package.exact ? undefined : config.bundles.signingKey;
  const pem = values.key ? await readText(values.key) : configured && (await ports.secrets(configured));
  const signer = pem === undefined ? undefined : readSigner(pem);
  const url = values.to ?? release.to;
  const to = url === undefined ? undefined : await ports.stores(url);
  const base = values.base === undefined ? undefined : await openBundlePlace(values.base, ports.stores, signal);
  const options = { ...ports, files: filesOf(dirname(file)), to, base, signer };
  const { store: _, ...built } = await buildBundle(release, options, signal);
  await print(surroundings, `${JSON.stringify(built)}\n`);
  return 0;
};
