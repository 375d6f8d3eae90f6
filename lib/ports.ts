import type { Config, SecretReference } from "./config/index.ts";
import type { Event } from "./events/index.ts";
import type { Renderer } from "./helm/index.ts";
import type { Kube } from "./kube/index.ts";
import type { Registries } from "./oci/index.ts";
import type { Store } from "./store/index.ts";

/** The outside world as functions see it, by name. Types only: adapters are chosen in compose.ts. */
export interface Ports {
  /** What the operator has decided: validated, frozen. */
  readonly config: Config;
  /** The store that holds index, findings, releases and bundles. */
  readonly store: Store;
  /** Any store by URL, for results that go elsewhere. */
  readonly stores: (url: string) => Promise<Store>;
  /** Registries by host, with credentials and endpoints as configured. */
  readonly registries: Registries;
  /** Turns a chart into the manifests helm would install. */
  readonly renderer: Renderer;
  /** The Kubernetes API server, as the account of this process. */
  readonly kube: Kube;
  /** A secret of a mounted file or variable, without surrounding white space. Read anew each time: secrets rotate. */
  readonly secrets: (reference: SecretReference) => Promise<string>;
  /** Send events besides the reply. Resolves once they are accepted for delivery. */
  readonly publish: (events: readonly Event[], signal?: AbortSignal) => Promise<void>;
}
