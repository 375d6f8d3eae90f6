import { createServer } from "node:http";
import type { Ports } from "../../ports.ts";
import type { HttpFunction, Log } from "../function.ts";
import { HttpHost } from "../http-host.ts";
import type { Deps } from "../invoke.ts";
import type { FunctionTable } from "./attempt.ts";
import { LocalBroker } from "./broker.ts";
import { createIngress } from "./ingress.ts";
import { Journal } from "./journal.ts";
import { startSchedules } from "./schedule.ts";
import type { Wiring } from "./triggers.ts";

export type { Clock, FunctionTable } from "./attempt.ts";
export { type BrokerOptions, LocalBroker } from "./broker.ts";
export type { Filter } from "./filters.ts";
export { Journal, type JournalOptions } from "./journal.ts";
export { type PingSource, parseTriggers, readTriggers, type Trigger, type Wiring } from "./triggers.ts";

export interface LocalOptions {
  readonly functions: FunctionTable;
  readonly wiring: Wiring;
  /** Where the journal lies. One process at a time. */
  readonly directory: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Default: loopback. */
  readonly host?: string | undefined;
  readonly log: Log;
  /** Puts the ports together; what functions publish goes into the broker. */
  readonly compose: (publish: Ports["publish"]) => Deps;
  readonly concurrency?: number;
  readonly bodyLimit?: number;
  /** How long what runs may take once the host is closed. What is cut then runs again at the next start. Default: 30. */
  readonly drainSeconds?: number;
}

export interface Local {
  /** Without path. */
  readonly url: string;
  readonly broker: LocalBroker;
  /** Stop accepting, let what runs finish, keep the rest for the next start. */
  close(): Promise<void>;
}

/**
 * Every function in one process, behind one port, woken by an embedded broker.
 *
 * @throws RejectedError DATA_IN_USE, JOURNAL_INVALID, TRIGGER_INVALID, CONFIG_INVALID
 */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const { functions, wiring, directory, port, host = "127.0.0.1", log, drainSeconds = 30 } = options;
  const journal = new Journal(directory);
  try {
    const deps = options.compose((events) => broker.accept(events));
    const { concurrency = 4, bodyLimit } = options;
    const broker = new LocalBroker({ functions, triggers: wiring.triggers, deps, journal, concurrency });
    deps.telemetry?.queue(() => broker.queue);
    const accept = broker.accept.bind(broker);
    const ingress = createIngress({ functions: await httpFunctions(options), deps, accept, bodyLimit });
    const http = new HttpHost(createServer(), log, ingress);
    const url = await http.listen(port, host);
    await broker.start();
    const stopSchedules = startSchedules(wiring.sources, broker, log);
    const close = async (): Promise<void> => {
      stopSchedules();
      await Promise.all([http.drain(drainSeconds * 1000), broker.stop(AbortSignal.timeout(drainSeconds * 1000))]);
      journal.close();
    };
    let closed: Promise<void> | undefined;
    return { url, broker, close: () => (closed ??= close()) };
  } catch (error) {
    journal.close();
    throw error;
  }
}

/** Functions no trigger wakes are the ones that may answer HTTP; the others are loaded when they are woken. */
async function httpFunctions({ functions, wiring }: LocalOptions): Promise<readonly HttpFunction[]> {
  const woken = new Set(wiring.triggers.map(({ subscriber }) => subscriber.name));
  const names = Object.keys(functions).filter((name) => !woken.has(name));
  const loaded = await Promise.all(names.map(async (name) => (await functions[name]!()).default));
  return loaded.filter((fn) => fn.kind === "http");
}
