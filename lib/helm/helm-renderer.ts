import { type ExecFileException, execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import type { RenderedTemplate, Renderer, RenderOptions } from "./renderer.ts";

/** What helm may print for one chart. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/**
 * Render with the real helm, started as a child process: `helm template`.
 *
 * It gets no home, no repositories, no plugins and no cluster, so a chart renders alike everywhere; `lookup` finds nothing.
 *
 * @param binary path of a helm 3 or 4
 * @throws RejectedError RENDERER_UNAVAILABLE
 */
export async function openHelmRenderer(binary: string): Promise<Renderer> {
  const version = (await helm(binary, ["version", "--template", "{{.Version}}"])).trim();
  return {
    version: `helm ${version}`,
    async render(chart, options = {}) {
      const output = await helm(binary, renderArguments(chart, options), options.signal, chart);
      return splitTemplates(output);
    },
  };
}

function renderArguments(chart: string, options: RenderOptions): string[] {
  const each = (flag: string, values: readonly string[] = []): string[] => values.flatMap((value) => [flag, value]);
  const one = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : [flag, value]);
  return [
    "template",
    options.releaseName ?? "release-name",
    chart,
    ...(options.includeCrds === false ? [] : ["--include-crds"]),
    ...(options.noHooks ? ["--no-hooks"] : []),
    ...(options.tests ? [] : ["--skip-tests"]),
    ...(options.skipSchemaValidation ? ["--skip-schema-validation"] : []),
    ...each("--values", options.valuesFiles),
    ...each("--set", options.set),
    ...each("--set-string", options.setString),
    ...each("--set-json", options.setJson),
    ...each("--set-file", options.setFile),
    ...each("--set-literal", options.setLiteral),
    ...each("--api-versions", options.apiVersions),
    ...one("--kube-version", options.kubeVersion),
    ...one("--namespace", options.namespace),
  ];
}

function helm(binary: string, args: readonly string[], signal?: AbortSignal, chart?: string): Promise<string> {
  const nowhere = join(tmpdir(), "stowage-no-helm-home");
  const env = {
    PATH: process.env["PATH"],
    HOME: nowhere,
    HELM_CACHE_HOME: nowhere,
    HELM_CONFIG_HOME: nowhere,
    HELM_DATA_HOME: nowhere,
  };
  return new Promise((resolve, reject) => {
    execFile(binary, args, { env, signal, maxBuffer: MAX_OUTPUT, encoding: "utf8" }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (signal?.aborted) reject(signal.reason);
      else reject(failure(binary, error, stderr, chart));
    });
  });
}

function failure(binary: string, error: ExecFileException, stderr: string, chart: string | undefined): RejectedError {
  if (chart === undefined || typeof error.code !== "number") {
    const why =
      error.code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER" ? `more than ${MAX_OUTPUT} bytes came out` : error.message;
    const code = error.code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER" ? "CHART_UNRENDERABLE" : "RENDERER_UNAVAILABLE";
    return new RejectedError(code, `Cannot run helm (${binary}): ${why}`, { cause: error });
  }
  const said = stderr
    .trim()
    .replace(/^Error: /, "")
    .replaceAll("\n", " ")
    .slice(0, 500);
  return new RejectedError("CHART_UNRENDERABLE", `Cannot render chart: ${said}`, { cause: error });
}

/**
 * Helm separates what it prints by `---` and names the template of each part in a first comment line
 * (helm v4.1.4 pkg/cmd/template.go). A part without that line belongs to the template before it.
 */
export function splitTemplates(output: string): readonly RenderedTemplate[] {
  const templates: { path: string; text: string }[] = [];
  for (const part of output.split(/^---[ \t]*$/m)) {
    const path = /^\n?# Source: (.+)$/m.exec(part.slice(0, 2048))?.[1];
    const last = templates.at(-1);
    if (path !== undefined) templates.push({ path, text: part });
    else if (last !== undefined && part.trim() !== "") last.text += `\n---${part}`;
    else if (part.trim() !== "") templates.push({ path: "", text: part });
  }
  return templates;
}
