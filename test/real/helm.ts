import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureHelm } from "../../lib/helm/binary.ts";

export { ensureHelm } from "../../lib/helm/binary.ts";

export interface Helm extends AsyncDisposable {
  /** Run helm with a home of its own. @returns standard output */
  run(...args: readonly string[]): Promise<string>;
  readonly home: string;
}

/** A helm whose configuration, cache and data live in a directory of the test. */
export async function openHelm(): Promise<Helm> {
  const binary = await ensureHelm();
  const home = await mkdtemp(join(tmpdir(), "stowage-helm-"));
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    HELM_CACHE_HOME: join(home, "cache"),
    HELM_CONFIG_HOME: join(home, "config"),
    HELM_DATA_HOME: join(home, "data"),
  };
  return {
    home,
    run: async (...args) => (await promisify(execFile)(binary, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout,
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}
