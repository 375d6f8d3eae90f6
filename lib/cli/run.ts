import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { compose } from "../compose.ts";
import { RejectedError } from "../errors.ts";
import { type Event, fromStructured, toStructured, type WireEvent } from "../events/index.ts";
import { invoke } from "../runtime/index.ts";
import { openTelemetry } from "../telemetry/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Surroundings, type Verb } from "./verb.ts";

/** Run one function on one event; print the reply and whatever else it published, one JSON line each. */
export const run: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    { event: { type: "string" }, data: { type: "string" }, config: { type: "string" } },
    { min: 1 },
  );
  const { functions, env, signal, stderr } = surroundings;
  const [name = ""] = positionals;
  const load = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (load === undefined) {
    throw new UsageError(`there is no function "${name}"; there are ${Object.keys(functions).join(", ")}`);
  }
  if (values.event === undefined) throw new UsageError("--event is needed: a file with one structured event, or -");
  const event = await readEvent(values.event, surroundings);
  const publish = async (events: readonly Event[]): Promise<void> => {
    for (const each of events) await print(surroundings, `${JSON.stringify(toStructured(each))}\n`);
  };
  const { config } = await loadLocalConfig(env, values);
  const { default: fn } = await load();
  const log = await surroundings.log();
  const telemetry = await openTelemetry(env, log);
  const outcome = await invoke(fn, event, compose(config, { log, publish, telemetry }), signal);
  await telemetry?.close();
  if (outcome.reply) await publish([outcome.reply]);
  if (outcome.failure === undefined) return 0;
  stderr.write(`stowage run: ${outcome.failure.message} (${outcome.failure.code})\n`);
  return 1;
};

async function readEvent(file: string, { stdin }: Surroundings): Promise<WireEvent> {
  let json: string;
  try {
    json = file === "-" ? await text(stdin) : await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`--event: cannot read "${file}": ${(error as NodeJS.ErrnoException).code}`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new RejectedError("EVENT_MALFORMED", `Cannot read event "${file}": it is not JSON`, { cause: error });
  }
  return fromStructured(parsed);
}
