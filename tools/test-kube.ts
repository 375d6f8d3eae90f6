import { spawn } from "node:child_process";
import { once } from "node:events";
import { ensureHelm } from "../lib/helm/binary.ts";
import { ensureKubePrograms } from "../test/real/kube-programs.ts";

/**
 * `npm run test:kube [PATTERN…]`: the tests that need a real API server, or those of the given files. Gets kube-apiserver, etcd and
 * kubectl first, and says so. One process for all files: they share one API server.
 */
const say = (line: string): unknown => process.stderr.write(`stowage: ${line}\n`);
const programs = await ensureKubePrograms(say);
if (programs === undefined) {
  say(
    "SKIPPED the tests against a real API server: set KUBEBUILDER_ASSETS to a directory with kube-apiserver, etcd and kubectl,",
  );
  say("or install Go 1.26 or later: they are built of their modules then");
} else {
  process.env["KUBEBUILDER_ASSETS"] = programs;
  process.env["HELM_BIN"] = await ensureHelm(say);
  const patterns = process.argv.slice(2);
  const files = patterns.length === 0 ? ["test/kube/**/*.kube.ts"] : patterns;
  const runner = spawn(process.execPath, ["--test", "--test-isolation=none", "--test-timeout=300000", ...files], {
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => runner.kill(signal));
  const [code] = (await once(runner, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}
