import { readFile } from "node:fs/promises";
import { type DockerRegistry, startDockerRegistry } from "../test/real/docker-registry.ts";

export interface Traffic {
  readonly requests: number;
  /** Of the bodies of its answers. */
  readonly bytes: number;
  /** User and system. */
  readonly cpuSeconds: number;
}

export interface CountedRegistry extends DockerRegistry {
  /** What it answered since this was asked last, and what that took. */
  traffic(): Promise<Traffic>;
}

/** A real docker-registry that counts by its own log, so that nothing stands between it and who is measured. */
export async function startCountedRegistry(directory: string): Promise<CountedRegistry> {
  let traffic = { requests: 0, bytes: 0 };
  let cpuBefore = 0;
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
      const cpu = await cpuSecondsOf(registry.pid);
      const taken = { ...traffic, cpuSeconds: cpu - cpuBefore };
      traffic = { requests: 0, bytes: 0 };
      cpuBefore = cpu;
      return taken;
    },
  });
}

/** By proc_pid_stat(5): fields 14 and 15, in hundredths of a second. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // the second field is the program's name, which may hold anything
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
