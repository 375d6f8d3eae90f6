import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { ensureHelm } from "../lib/helm/binary.ts";

/** `npm test [PATTERN…]`: every test, or those of the given files. Gets the pinned helm first and says so. */
const say = (line: string): unknown => process.stderr.write(`stowage: ${line}\n`);
process.env["HELM_BIN"] = await ensureHelm(say);
const patterns = process.argv.slice(2);
const files = patterns.length === 0 ? ["test/**/*.test.ts"] : patterns;
// Node's own default leaves one core alone: half of a small machine
const concurrency = `--test-concurrency=${Math.max(2, availableParallelism())}`;
const runner = spawn(process.execPath, ["--test", concurrency, "--test-timeout=300000", ...files], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => runner.kill(signal));
const [code] = (await once(runner, "exit")) as [number | null];
process.exitCode = code ?? 1;
