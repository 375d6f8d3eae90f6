import { RejectedError } from "../../errors.ts";
import type { Registries } from "../registries.ts";
import { catalog } from "./access.ts";
import { openCredentials } from "./credentials.ts";
import type { RegistrySettings } from "./endpoint.ts";
import { isHarbor, listHarborRepositories } from "./harbor.ts";
import { createHttp, type HttpOptions } from "./http.ts";
import { listRepositories } from "./pages.ts";
import { openRepository } from "./repository.ts";
import { type Clock, MAX_WAIT_MS, realClock } from "./retry.ts";
import { createTransport, type Transport } from "./transport.ts";

export type { RegistrySettings } from "./endpoint.ts";

export interface RegistriesOptions extends HttpOptions {
  /** The registries that are reached in a way of their own; all others by their host, over https. */
  readonly settings: readonly RegistrySettings[];
  /** Files in Docker's format, the most important first. They may be missing. */
  readonly credentialFiles: readonly string[];
  /** How many milliseconds a request waits for a registry that is unavailable or throttles; default 5000. */
  readonly maxWait?: number | undefined;
  /** For tests, which assert the waits between tries instead of waiting. */
  readonly clock?: Clock | undefined;
}

/**
 * Every registry, by host. Tokens and connections of a registry are shared by all who use it.
 *
 * @throws RejectedError CONFIG_INVALID
 */
export function openRegistries(options: RegistriesOptions): Registries {
  const { settings, credentialFiles, maxWait = MAX_WAIT_MS, clock = realClock } = options;
  const credentials = openCredentials(credentialFiles);
  const http = createHttp(options);
  const transports = new Map<string, Transport>();

  const open = (registry: RegistrySettings): Transport => {
    const transport = createTransport({ settings: registry, credentials, http, patience: { clock, maxWait } });
    transports.set(registry.host, transport);
    return transport;
  };
  for (const registry of settings) {
    if (transports.has(registry.host)) {
      throw new RejectedError("CONFIG_INVALID", `Cannot use registry "${registry.host}": it is configured twice`);
    }
    open(registry);
  }
  const transportOf = (host: string): Transport => transports.get(host) ?? open({ host });

  return {
    repository: (host, repository) => openRepository(transportOf(host), repository),
    async *repositories(host, signal) {
      const transport = transportOf(host);
      const action = `list the repositories of docker://${host}`;
      if (await isHarbor(transport, signal)) yield* listHarborRepositories(transport, signal);
      else yield* listRepositories(transport, { action, access: catalog, signal });
    },
  };
}
