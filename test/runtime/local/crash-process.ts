import { appendFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { defineFunction, defineSink } from "../../../lib/runtime/index.ts";
import { parseTriggers, startLocal } from "../../../lib/runtime/local/index.ts";
import { noPorts, silent } from "../../contracts/host.ts";

// A local host in a process of its own, for tests that kill it: crash-process.ts DIRECTORY [hang]
// Every run is noted in DIRECTORY/ran, every reply that arrives in DIRECTORY/replies. With `hang` runs never end.
const [directory = "", mode] = process.argv.slice(2);
const note = (file: string, line: string): void => appendFileSync(join(directory, file), `${line}\n`);

const work = defineFunction({
  name: "work",
  on: ["dev.stowage.artifact.deleted.v1"],
  emits: ["dev.knative.sources.ping"],
  async run({ id }, { reply }) {
    note("ran", id);
    writeSync(1, `ran ${id}\n`);
    if (mode === "hang") await new Promise(() => {});
    return reply("dev.knative.sources.ping", id, { task: id });
  },
});
const collect = defineSink({ name: "collect", needs: [], run: async ({ id }) => note("replies", id) });
const trigger = (name: string, type: string): string => `
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: ${name} }
spec:
  broker: b
  filters: [{ exact: { type: ${type} } }]
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: ${name} } }
`;
const text = `${trigger("work", "dev.stowage.artifact.deleted.v1")}---${trigger("collect", "dev.knative.sources.ping")}`;

const host = await startLocal({
  functions: { work: async () => ({ default: work }), collect: async () => ({ default: collect }) },
  wiring: parseTriggers([{ name: "t.yaml", text }]),
  directory,
  port: 0,
  log: silent,
  compose: () => noPorts(),
});
writeSync(1, `${host.url}\n`);
await host.broker.idle();
writeSync(1, "idle\n");
