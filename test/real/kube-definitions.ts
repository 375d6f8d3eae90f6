import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "./programs.ts";

interface Module {
  /** With its version. */
  readonly path: string;
  /** As go.sum has it: of all its files. */
  readonly sum: string;
  readonly files: readonly string[];
}

/** Go modules that ship definitions as a cluster gets them; only those are taken that charts/stowage has objects of. */
const modules: readonly Module[] = [
  {
    // Knative 1.18
    path: "knative.dev/eventing@v0.47.0",
    sum: "h1:FfM1aS7iBn9o0v7xqIBEWcR4XZ8Ny7YyFPAOyLEgMok=",
    files: ["apiserversource", "broker", "jobsink", "pingsource", "sinkbindings", "trigger"].map(
      (name) => `config/core/resources/${name}.yaml`,
    ),
  },
  {
    path: "knative.dev/serving@v0.51.0",
    sum: "h1:yN2Q7eYqJgoPfZkATjoBZyGbZ2P1Qhns9HIMU4mF+to=",
    files: ["config/core/300-resources/service.yaml", "third_party/gateway-api-latest/gateway-api.yaml"],
  },
  {
    path: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    files: ["podmonitors", "prometheusrules"].map(
      (name) => `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`,
    ),
  },
];

const wanted = new Set([
  "apiserversources.sources.knative.dev",
  "brokers.eventing.knative.dev",
  "jobsinks.sinks.knative.dev",
  "pingsources.sources.knative.dev",
  "sinkbindings.sources.knative.dev",
  "triggers.eventing.knative.dev",
  "services.serving.knative.dev",
  "httproutes.gateway.networking.k8s.io",
  "podmonitors.monitoring.coreos.com",
  "prometheusrules.monitoring.coreos.com",
]);

/**
 * Options for a test that needs the definitions of Knative, the Gateway API and the Prometheus operator: it is skipped, and says
 * so, where there is no Go toolchain to get them.
 */
export function requiringDefinitions(): { readonly skip?: string } {
  if (findProgram("go") !== undefined) return {};
  const skip = "needs Go, which gets the definitions of Knative";
  process.stderr.write(`SKIPPED: ${skip}\n`);
  return { skip };
}

/** CustomResourceDefinitions in YAML. They come from Go's module cache, or into it. */
export async function readDefinitions(): Promise<string> {
  const documents: string[] = [];
  for (const { path, sum, files } of modules) {
    const { stdout } = await promisify(execFile)("go", ["mod", "download", "-json", path], { cwd: tmpdir() });
    const { Dir, Sum } = JSON.parse(stdout) as { readonly Dir: string; readonly Sum: string };
    if (Sum !== sum) throw new Error(`${path} has the sum ${Sum}, expected ${sum}`);
    for (const file of files) documents.push(...(await readFile(join(Dir, file), "utf8")).split(/^---$/m));
  }
  const found = documents.filter((text) => wanted.has(/^ {2}name: (\S+)$/m.exec(text)?.[1] ?? ""));
  if (found.length !== wanted.size) throw new Error(`There are ${found.length} definitions, not ${wanted.size}`);
  return found.join("\n---\n");
}
