import { writeFile } from "node:fs/promises";
import { compose } from "../compose.ts";
import { buildIndex } from "../helm/index.ts";
import { isHost } from "../oci/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Verb } from "./verb.ts";

/** Print the Helm repository index of the charts in a registry, as it is now. Nothing is stored. */
export const indexVerb: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    { out: { type: "string" }, config: { type: "string" } },
    { min: 1 },
  );
  const [, host = "", prefix = ""] = /^docker:\/\/([^/]+)\/?(.*)$/.exec(positionals[0]!) ?? [];
  if (!isHost(host)) throw new UsageError(`a registry is docker://HOST[/PREFIX], not "${positionals[0]}"`);
  const { env, signal } = surroundings;
  const { config } = await loadLocalConfig(env, values);
  const { registries } = await compose(config, { log: await surroundings.log(), patient: true }).ports(["registries"]);
  const { yaml, problems, conflicts } = await buildIndex(host, prefix, registries, signal);
  if (values.out === undefined) await print(surroundings, yaml);
  else await writeFile(values.out, yaml);
  for (const { repository, tag, reason } of problems) {
    surroundings.stderr.write(
      `stowage index: left out ${repository}${tag === undefined ? "" : `:${tag}`}: ${reason}\n`,
    );
  }
  for (const { name, version, kept, ignored } of conflicts) {
    surroundings.stderr.write(`stowage index: ${name} ${version} is the one of ${kept}; ${ignored} has another\n`);
  }
  return problems.length === 0 ? 0 : 1;
};
