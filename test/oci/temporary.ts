import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Target } from "../../lib/oci/content.ts";
import { openLayout } from "../../lib/oci/layout.ts";

/** A directory that is gone when the test has ended. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-oci-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function temporaryLayout(t: TestContext): Promise<Target> {
  return openLayout(await temporaryDirectory(t), { create: true });
}
