import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { compose } from "../compose.ts";
import { withAdapterArguments } from "../config/index.ts";
import { RejectedError } from "../errors.ts";
import { type Event, originate } from "../events/index.ts";
import { createRegistryHandler, openTree, type RegistryChange, registryServerOptions } from "../oci/index.ts";
import { beginning } from "../runtime/index.ts";
import { readTriggers, startLocal } from "../runtime/local/index.ts";
import { openTelemetry } from "../telemetry/index.ts";
import { readArguments, readPort } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Verb } from "./verb.ts";

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** Everything in one process: broker, functions, webhooks, chart repository and a registry over one directory. */
export const up: Verb = async (args, surroundings) => {
  const { values } = readArguments(args, {
    port: { type: "string", default: "8080" },
    "registry-port": { type: "string", default: "5000" },
    host: { type: "string", default: "127.0.0.1" },
    data: { type: "string" },
    config: { type: "string" },
    // of oci-chartrepo, whose place this can take
    storage: { type: "string" },
    "storage-registry-repo": { type: "string" },
    "storage-registry-scheme": { type: "string" },
  });
  const { functions, signal } = surroundings;
  const env = withAdapterArguments(
    surroundings.env,
    (["storage", "storage-registry-repo", "storage-registry-scheme"] as const)
      .filter((name) => values[name] !== undefined)
      .map((name) => `--${name}=${values[name]}`),
  );
  const port = readPort(values.port, "port");
  const registryPort = readPort(values["registry-port"], "registry-port");
  const { config, directory, secretFile } = await loadLocalConfig(env, values);
  const log = await surroundings.log();
  if (!LOOPBACK.test(values.host)) {
    log.warn(
      { host: values.host },
      "whoever reaches this address may push, delete and post events: nobody is asked who they are",
    );
  }
  const wiring = await readTriggers(surroundings.triggers);
  const telemetry = await openTelemetry(env, log);
  if (config.webhooks.distribution?.secretFile === secretFile) await ensureSecret(secretFile);

  const name = config.embedded.registry;
  const registry = createServer(registryServerOptions);
  const registryHost = await listen(registry, registryPort, values.host);
  try {
    const tree = await openTree(join(directory, "registry"));
    const local = await startLocal({
      functions,
      wiring,
      directory: join(directory, "broker"),
      port,
      host: values.host,
      log,
      compose: (publish) =>
        compose(
          { ...config, index: { ...config.index, registries: [...new Set([name, ...config.index.registries])] } },
          { log, publish, telemetry, endpoints: { [name]: `http://${registryHost}` } },
        ),
    });
    const announce = async (change: RegistryChange): Promise<void> => {
      // a manifest without tag is part of an index, or gets its tag in a moment
      if (change.action === "pushed" && change.tag === undefined) return;
      await beginning(telemetry, toEvent(change, name), (event) => local.broker.accept([event]));
    };
    if (config.index.registries.length + config.index.repositories.length > 0) {
      // what they hold already nobody will report
      await local.broker.accept([firstLook()]);
    }
    registry.on("request", createRegistryHandler({ tree, onChange: announce, log }));
    const { url } = local;
    const ready = {
      ready: true,
      url,
      broker: `${url}/`,
      charts: `${url}/`,
      registry: registryHost,
      hooks: `${url}/hooks/`,
    };
    await print(surroundings, `${JSON.stringify({ ...ready, pid: process.pid })}\n`);
    await aborted(signal);
    registry.close();
    registry.closeIdleConnections();
    await local.close();
  } finally {
    registry.closeAllConnections();
    registry.close();
    await telemetry?.close();
  }
  return 0;
};

/** What a tick of the schedule would ask for: a look at all registries that are indexed. */
const firstLook = (): Event =>
  originate("dev.knative.sources.ping", randomUUID(), {
    source: "/stowage/up",
    subject: "index-charts",
    data: { task: "index-charts" },
  }) as Event;

/** Webhooks need a secret; who configures none finds one here. */
async function ensureSecret(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, `${randomBytes(24).toString("base64url")}\n`, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    throw new RejectedError("CONFIG_INVALID", `Cannot make webhook secret "${file}": ${code}`, { cause });
  }
}

/** @returns `host:port` */
function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new RejectedError("CONFIG_INVALID", `Cannot listen on ${host}:${port}: ${cause.code}`, { cause })),
    );
    server.listen(port, host, () => {
      const { address, family, port: actual } = server.address() as AddressInfo;
      resolve(`${family === "IPv6" ? `[${address}]` : address}:${actual}`);
    });
  });
}

/** Each push is an occurrence of its own, also when it pushes the same again. */
function toEvent({ action, ...change }: RegistryChange, registry: string): Event {
  const { repository, tag, digest, artifactKind, ...rest } = change;
  const where = {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
  const named = tag === undefined ? `@${digest ?? ""}` : `:${tag}`;
  const init = { source: `/stowage/registry/${registry}`, subject: `${repository}${named}` };
  return action === "deleted"
    ? originate("dev.stowage.artifact.deleted.v1", randomUUID(), { ...init, data: where })
    : originate("dev.stowage.artifact.pushed.v1", randomUUID(), { ...init, data: { ...where, ...rest, artifactKind } });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
