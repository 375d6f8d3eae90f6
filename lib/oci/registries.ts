import type { Target } from "./content.ts";

/** Every registry stowage may talk to, with credentials, endpoints and limits as configured. */
export interface Registries {
  /** One repository of a registry. Nothing is asked of the registry before it is used. */
  repository(host: string, repository: string): Target;

  /**
   * The repositories of a registry (`GET /v2/_catalog`; of a Harbor, through its own API), in the registry's order. Not
   * every registry offers it.
   */
  repositories(host: string, signal?: AbortSignal): AsyncIterable<string>;
}
