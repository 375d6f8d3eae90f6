import { compose } from "../compose.ts";
import { RejectedError } from "../errors.ts";
import {
  type CopyResult,
  type Descriptor,
  openDestination,
  openSourcePlace,
  type Place,
  parsePlace,
  rehearseDestination,
} from "../oci/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { showProgress } from "./progress.ts";
import { print, type Verb } from "./verb.ts";

/**
 * Copy one image, chart or other artifact from one place to another. Prints what it was and what had to move; with
 * --dry-run what would have to, blob by blob, and leaves the destination as it is.
 */
export const copyVerb: Verb = async (args, surroundings) => {
  if (args.some((arg) => arg === "--list" || arg.startsWith("--list="))) {
    return (await import("./copy-list.ts")).copyList(args, surroundings);
  }
  const { values, positionals } = readArguments(
    args,
    {
      platform: { type: "string", multiple: true, default: [] },
      "rewrite-index": { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      config: { type: "string" },
    },
    { min: 0, max: 2 },
  );
  if (positionals.length < 2) throw new UsageError("a source and a destination are needed");
  const [from, to] = positionals.map(readPlace) as [Place, Place];
  const { env, signal } = surroundings;
  const { config } = await loadLocalConfig(env, values);
  const { registries } = await compose(config, { log: await surroundings.log(), patient: true }).ports(["registries"]);
  await using opened = await openSourcePlace(from, registries);
  const isRehearsal = values["dry-run"];
  const destination = await (isRehearsal ? rehearseDestination : openDestination)(to, registries);
  const moves: Pick<Descriptor, "digest" | "size">[] = [];
  const copyShown = async (): Promise<CopyResult> => {
    using progress = showProgress(surroundings);
    return await destination.copy(opened, {
      platforms: values.platform.length > 0 ? values.platform : undefined,
      rewriteIndex: values["rewrite-index"],
      signal,
      onBlob({ descriptor: { digest, size }, outcome }) {
        if (outcome === "written") moves.push({ digest, size });
      },
      onProgress: isRehearsal ? undefined : progress.onProgress,
    });
  };
  const result = await copyShown();
  await print(surroundings, `${JSON.stringify(isRehearsal ? { dryRun: true, ...result, moves } : result)}\n`);
  const { length } = result.leftOut;
  if (length > 0) surroundings.stderr.write(`stowage copy: left out ${length} signatures, attestations or the like\n`);
  return 0;
};

function readPlace(text: string) {
  try {
    return parsePlace(text);
  } catch (error) {
    if (error instanceof RejectedError) throw new UsageError(error.message);
    throw error;
  }
}
