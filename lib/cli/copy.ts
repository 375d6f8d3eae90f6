import { compose } from "../compose.ts";
import { RejectedError } from "../errors.ts";
import { copy, isTag, openSourcePlace, openTargetPlace, parsePlace } from "../oci/index.ts";
import { notYet, readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Verb } from "./verb.ts";

/** Copy one image, chart or other artifact from one place to another. Prints what it was and what had to move. */
export const copyVerb: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    {
      platform: { type: "string", multiple: true, default: [] },
      "dry-run": { type: "boolean", default: false },
      list: { type: "string", multiple: true, default: [] },
      config: { type: "string" },
    },
    { min: 0, max: 2 },
  );
  if (values.list.length > 0) throw notYet("--list");
  if (values["dry-run"]) throw notYet("--dry-run");
  if (positionals.length < 2) throw new UsageError("a source and a destination are needed");
  const [from, to] = positionals.map(readPlace) as [ReturnType<typeof parsePlace>, ReturnType<typeof parsePlace>];
  const { env, log, signal } = surroundings;
  const { config } = await loadLocalConfig(env, values);
  const { registries } = await compose(config, { log }).ports(["registries"]);
  await using opened = await openSourcePlace(from, registries);
  const { source, reference } = opened;
  const { target, as = isTag(reference) ? reference : "latest" } = await openTargetPlace(to, registries);
  const { platform: platforms } = values;
  const result = await copy(source, reference, target, { as, signal, ...(platforms.length > 0 ? { platforms } : {}) });
  await print(surroundings, `${JSON.stringify(result)}\n`);
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
