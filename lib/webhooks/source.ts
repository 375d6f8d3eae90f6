import type { Config, SecretReference } from "../config/index.ts";
import { aliyun } from "./aliyun.ts";
import { azure } from "./azure.ts";
import { distribution } from "./distribution.ts";
import { gitea } from "./gitea.ts";
import { github } from "./github.ts";
import { harbor } from "./harbor.ts";
import type { WebhookKind } from "./kind.ts";
import { quay } from "./quay.ts";
import { zot } from "./zot.ts";

/** Every kind of sender, by its name in stowage.yaml. */
export const webhookKinds: Readonly<Record<Config["webhooks"]["sources"][number]["kind"], WebhookKind>> = {
  distribution,
  harbor,
  zot,
  quay,
  azure,
  aliyun,
  gitea,
  github,
};

/** A sender that the operator has allowed. */
export interface WebhookSource {
  readonly name: string;
  readonly kind: WebhookKind;
  /** Any one of them authenticates. */
  readonly secrets: readonly SecretReference[];
  /**
   * The registry that a notification is about, as stowage names it.
   *
   * @param claimed the host that the notification names, if any
   * @returns undefined when the sender does not stand for that host
   */
  readonly registryOf: (claimed: string | undefined) => string | undefined;
}

/** The source of this name in the configuration. */
export function openSource(config: Config, name: string): WebhookSource | undefined {
  const { sources, distribution: shared } = config.webhooks;
  const source = sources.find((each) => each.name === name);
  if (source !== undefined) {
    const { kind, registry, aliases, secrets } = source;
    const known = [registry, ...aliases].map(canonical);
    const registryOf = (claimed?: string) =>
      claimed === undefined || known.includes(canonical(claimed)) ? registry : undefined;
    return { name, kind: webhookKinds[kind], secrets, registryOf };
  }
  if (name !== "distribution" || shared === undefined) return undefined;
  return { name, kind: distribution, secrets: [{ file: shared.secretFile }], registryOf: configuredRegistry(config) };
}

/** For a source that stands for several registries: those the configuration names, and those of this machine. */
function configuredRegistry({ registries, index }: Config): WebhookSource["registryOf"] {
  const listed = index.repositories.map((repository) => repository.split("/", 1)[0]!);
  const hosts = [...registries.map(({ host }) => host), ...index.registries, ...listed];
  return (claimed = "") => {
    const known = hosts.find((host) => canonical(host) === canonical(claimed));
    return known ?? (LOOPBACK.test(claimed) ? claimed : undefined);
  };
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)(?::\d{1,5})?$/;

/** Hosts are equal whatever their case, and with or without the port of https. */
const canonical = (host: string): string => host.toLowerCase().replace(/:443$/, "");
