import { type DockerRegistry, startDockerRegistry } from "../test/real/docker-registry.ts";

export interface Traffic {
  readonly requests: number;
  /** Of the bodies of its answers. */
  readonly bytes: number;
}

export interface CountedRegistry extends DockerRegistry {
  /** What it answered since this was asked last. */
  traffic(): Promise<Traffic>;
}

/** A real docker-registry that counts by its own log, so that nothing stands between it and who is measured. */
export async function startCountedRegistry(directory: string): Promise<CountedRegistry> {
  let traffic = { requests: 0, bytes: 0 };
  let asked = 0;
  let told = Promise.withResolvers<void>();
  const marker = () => `/v2/?traffic=${asked}`;
  const registry = await startDockerRegistry({
    directory,
    onRequest({ path, bytes }) {
      if (path === marker()) return told.resolve();
      traffic.requests += 1;
      traffic.bytes += bytes;
    },
  });
  return Object.assign(registry, {
    async traffic() {
      asked += 1;
      told = Promise.withResolvers();
      // the log has an order: when this request is in it, so is all that came before
      await (await fetch(`http://${registry.host}${marker()}`)).arrayBuffer();
      await told.promise;
      const taken = traffic;
      traffic = { requests: 0, bytes: 0 };
      return taken;
    },
  });
}
