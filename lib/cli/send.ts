import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fromStructured } from "../events/index.ts";
import { postEvent } from "../runtime/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { print, type Surroundings, type Verb } from "./verb.ts";

/** Post one CloudEvent to a broker's ingress and print its id. */
export const send: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    {
      subject: { type: "string" },
      source: { type: "string", default: "/stowage/cli" },
      id: { type: "string", default: randomUUID() },
      data: { type: "string" },
      ext: { type: "string", multiple: true, default: [] },
      to: { type: "string", default: "http://127.0.0.1:8080/" },
    },
    { min: 1 },
  );
  const { subject, source, id, data, ext, to } = values;
  if (!/^https?:\/\//.test(to)) throw new UsageError(`--to takes an http or https URL, not "${to}"`);
  const event = fromStructured({
    specversion: "1.0",
    ...extensions(ext),
    type: positionals[0],
    source,
    id,
    time: new Date().toISOString(),
    ...(subject === undefined ? {} : { subject }),
    ...(data === undefined ? {} : { datacontenttype: "application/json", data: await readData(data, surroundings) }),
  });
  await postEvent(to, event, surroundings.signal);
  await print(surroundings, `${id}\n`);
  return 0;
};

function extensions(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([a-z0-9]{1,20})=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined) {
        throw new UsageError(`--ext takes name=value with a name of lower-case letters and digits, not "${pair}"`);
      }
      return [name, value];
    }),
  );
}

async function readData(given: string, { stdin }: Surroundings): Promise<unknown> {
  const json = given === "-" ? await text(stdin) : given.startsWith("@") ? await readText(given.slice(1)) : given;
  try {
    return JSON.parse(json);
  } catch {
    throw new UsageError("--data is not JSON");
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`--data: cannot read "${file}": ${(error as NodeJS.ErrnoException).code}`);
  }
}
