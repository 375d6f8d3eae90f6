import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Registries } from "../../../lib/oci/registries.ts";
import { openRegistries, type RegistrySettings } from "../../../lib/oci/registry/registries.ts";

export interface OpenedRegistries extends AsyncDisposable {
  readonly registries: Registries;
  /** The waits between tries that were asked for, in milliseconds. Nobody waited: time only goes on by them. */
  readonly waits: readonly number[];
  /** Let time go on. */
  pass(milliseconds: number): void;
}

/**
 * Registries with a credentials file of their own.
 *
 * @param auths what stands in it under `auths`
 */
export async function openForTest(
  auths: Readonly<Record<string, unknown>> = {},
  settings: readonly RegistrySettings[] = [],
): Promise<OpenedRegistries> {
  const work = await mkdtemp(join(tmpdir(), "stowage-credentials-"));
  const file = join(work, "config.json");
  await writeFile(file, JSON.stringify({ auths }));
  const waits: number[] = [];
  let now = 0;
  const registries = openRegistries({
    settings,
    credentialFiles: [file],
    userAgent: "stowage-test",
    clock: {
      now: () => now,
      async sleep(milliseconds, signal) {
        signal?.throwIfAborted();
        now += milliseconds;
        waits.push(milliseconds);
      },
    },
  });
  const pass = (milliseconds: number) => {
    now += milliseconds;
  };
  return { registries, waits, pass, [Symbol.asyncDispose]: () => rm(work, { recursive: true }) };
}

/** `user:secret`, as `auth` holds it. */
export const auth = (username: string, password: string): { readonly auth: string } => ({
  auth: Buffer.from(`${username}:${password}`).toString("base64"),
});
