import { open as openFile } from "node:fs/promises";
import { verifyBundle } from "../bundle/index.ts";
import { openStore } from "../store/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { print, type Verb } from "./verb.ts";

/** Check a bundle or image archive byte by byte. Exit status 1 when anything is wrong with it. */
export const verify: Verb = async (args, surroundings) => {
  const { positionals } = readArguments(args, {}, { min: 1 });
  const result = await verifyBundle(await open(positionals[0]!, surroundings.signal));
  await print(surroundings, `${JSON.stringify(result)}\n`);
  for (const problem of result.problems) surroundings.stderr.write(`stowage verify: ${problem}\n`);
  return result.ok ? 0 : 1;
};

/** A path, or `<store URL>/<key>`: the last part of the URL is the key. */
async function open(place: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const [, directory, key] = /^([a-z0-9]+:.*)\/([^/]+)$/.exec(place) ?? [];
  if (directory === undefined || key === undefined) {
    const file = await openFile(place).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`cannot read "${place}": ${error.code}`);
    });
    return file.createReadStream({ signal });
  }
  return (await (await openStore(directory)).get(key, { signal })).body;
}
