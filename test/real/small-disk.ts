import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory with a disk of its own, of so many mebibytes, in memory. */
export async function mountSmallDisk(mebibytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await mkdtempDisposable(join(tmpdir(), "stowage-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "stowage-test", directory.path]);
  return {
    path: directory.path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", [directory.path]);
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Why there can be no small disk: it takes CAP_SYS_ADMIN (capabilities(7), bit 21). False where there can. */
export function cannotMount(): string | false {
  const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  if (process.getuid?.() === 0 && (BigInt(`0x${held}`) & (1n << 21n)) !== 0n) return false;
  process.stderr.write("SKIPPED: full and read-only disks need the right to mount\n");
  return "needs the right to mount";
}
