import { compose } from "../compose.ts";
import { ensureHelm, openHelmRenderer } from "../helm/index.ts";
import type { ChartFinder, FindingsStore } from "../images/index.ts";
import type { Registries } from "../oci/index.ts";
import { type LocalOptions, loadLocalConfig } from "./local-config.ts";
import type { Surroundings } from "./verb.ts";

/** What the configuration is needed for. Loaded where it is: charts on disk are listed without. */
export interface ConfiguredPorts {
  readonly registries: Registries;
  /** The registries that are configured, by name. */
  readonly hosts: readonly string[];
  /** Where findings are kept. */
  readonly kept: () => Promise<FindingsStore>;
}

/** @throws RejectedError CONFIG_INVALID */
export async function openConfigured(surroundings: Surroundings, options: LocalOptions): Promise<ConfiguredPorts> {
  const { config } = await loadLocalConfig(surroundings.env, options);
  const log = await surroundings.log();
  const deps = compose(config, { log, patient: true });
  const { registries } = await deps.ports(["registries"]);
  return {
    registries,
    hosts: config.registries.map(({ host }) => host),
    async kept() {
      const { store } = await deps.ports(["store"]);
      return { store, onDamaged: (key, { message }) => log.warn({ key, reason: message }, "made it anew") };
    },
  };
}

/** The real helm, fetched on first use. */
export async function openHelm(surroundings: Surroundings): Promise<ChartFinder["renderer"]> {
  const log = await surroundings.log();
  return openHelmRenderer(await ensureHelm((line) => log.info({}, line)));
}
