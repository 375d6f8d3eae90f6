import { readFile } from "node:fs/promises";
import type { Config, SecretReference } from "./config/index.ts";
import { RejectedError } from "./errors.ts";
import { openLedger } from "./ledger/index.ts";
import type { Ports } from "./ports.ts";
import type { Deps, Log, Telemetry } from "./runtime/index.ts";

export interface Surroundings {
  readonly log: Log;
  /** How a host sends events besides replies; default: to the configured sink. */
  readonly publish?: Ports["publish"];
  /** Where a registry of this process is reached, by its host name: wins over the configuration. */
  readonly endpoints?: Readonly<Record<string, string>>;
  /**
   * Nobody tries again when this fails: a request waits up to two minutes for a registry that throttles, and not only five
   * seconds. Not for hosts behind a broker, which delivers again; nor for mirrors, which wait on their own, and must not
   * do so once more for each image of a registry that is down.
   */
  readonly patient?: boolean;
  /** Sees what the ports do. Absent where nobody looks on. */
  readonly telemetry?: Telemetry | undefined;
}

/** Milliseconds. */
const PATIENT_WAIT = 120_000;

/**
 * From configuration to ports: the one place that knows every adapter. Each is loaded when a function first asks for it,
 * and then shared.
 */
export function compose(
  config: Config,
  { log, publish, endpoints = {}, patient = false, telemetry }: Surroundings,
): Deps {
  const open: { readonly [K in keyof Ports]: () => Promise<Ports[K]> } = {
    config: async () => config,
    store: () => openConfiguredStore(config, config.store),
    stores: async () => (url) => openConfiguredStore(config, url),
    registries: () => openConfiguredRegistries(config, endpoints, patient),
    renderer: async () => (await import("./helm/index.ts")).openChartRenderer(),
    kube: openConfiguredKube,
    secrets: async () => readSecret,
    publish: async () => publish ?? publishTo(config.sink),
  };
  const opened = new Map<keyof Ports, Promise<unknown>>();
  const openNamed = async <K extends keyof Ports>(name: K): Promise<Ports[K]> => {
    const port = await open[name]();
    return telemetry === undefined ? port : telemetry.observed(name, port);
  };
  const get = (name: keyof Ports): Promise<unknown> => {
    let port = opened.get(name);
    if (port === undefined) {
      port = openNamed(name);
      opened.set(name, port);
      // a port that could not be opened may be there next time
      port.catch(() => opened.delete(name));
    }
    return port;
  };
  return {
    log,
    telemetry,
    ledger: openLedger(() => get("store") as Promise<Ports["store"]>, log),
    ports: async (names) =>
      Object.fromEntries(await Promise.all(names.map(async (name) => [name, await get(name)]))) as Ports,
  };
}

async function openConfiguredStore(config: Config, url: string): Promise<Ports["store"]> {
  const { openStore } = await import("./store/index.ts");
  return openStore(url, { buckets: config.stores, secret: readSecret });
}

/** The variable that every Kubernetes client knows wins over the service account of a pod. */
async function openConfiguredKube(): Promise<Ports["kube"]> {
  const { openKube } = await import("./kube/index.ts");
  return openKube({ kubeconfig: process.env["KUBECONFIG"] || undefined });
}

async function openConfiguredRegistries(
  config: Config,
  endpoints: Readonly<Record<string, string>>,
  patient: boolean,
): Promise<Ports["registries"]> {
  const { openRegistries } = await import("./oci/index.ts");
  const own = Object.entries(endpoints).map(([host, endpoint]) => ({ host, endpoint }));
  const configured = config.registries.filter(({ host }) => !Object.hasOwn(endpoints, host));
  return openRegistries({
    settings: [...own, ...configured],
    credentialFiles: config.credentials,
    userAgent: "stowage",
    proxyEnv: process.env,
    maxWait: patient ? PATIENT_WAIT : undefined,
  });
}

/** Larger is no secret but a mistake. */
const MAX_SECRET_BYTES = 4096;

async function readSecret({ file, env }: SecretReference): Promise<string> {
  const place = file === undefined ? `variable "${env}"` : `file "${file}"`;
  const refuse = (why: string, cause?: unknown): RejectedError =>
    new RejectedError("CONFIG_INVALID", `Cannot use secret of ${place}: ${why}`, { cause });
  const text =
    file === undefined
      ? process.env[env ?? ""]
      : await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
          throw refuse(error.code ?? error.message, error);
        });
  if (text === undefined) throw refuse("it is not set");
  if (text.length > MAX_SECRET_BYTES) throw refuse(`it has more than ${MAX_SECRET_BYTES} characters`);
  return text.trim();
}

function publishTo(sink: string | undefined): Ports["publish"] {
  return async (events, signal) => {
    if (sink === undefined) {
      throw new RejectedError("PORT_UNAVAILABLE", "Cannot publish events: no sink is configured (K_SINK)");
    }
    const { postEvent } = await import("./runtime/index.ts");
    for (const event of events) await postEvent(sink, event, signal);
  };
}
