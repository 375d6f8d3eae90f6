import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";

const root = dirname(import.meta.dirname);

/** Who may import whom, besides itself. Types do not count: they are gone at run time. ARCHITECTURE.md shows it. */
const may: Readonly<Record<string, readonly string[]>> = {
  bin: [
    "functions",
    "lib/cli",
    "lib/runtime",
    "lib/config",
    "lib/compose.ts",
    "lib/telemetry",
    "lib/errors.ts",
    "lib/helm",
    "lib/images",
  ],
  functions: [
    "lib/runtime",
    "lib/events",
    "lib/errors.ts",
    "lib/helm",
    "lib/images",
    "lib/mirror",
    "lib/bundle",
    "lib/webhooks",
    "lib/release",
    "lib/jobs",
  ],
  "lib/errors.ts": [],
  "lib/ports.ts": [],
  "lib/version.ts": [],
  "lib/compose.ts": ["lib/errors.ts", "lib/runtime", "lib/store", "lib/oci", "lib/helm", "lib/kube", "lib/ledger"],
  "lib/config": ["lib/errors.ts"],
  "lib/events": ["lib/errors.ts"],
  "lib/runtime": ["lib/errors.ts", "lib/version.ts", "lib/events"],
  "lib/telemetry": ["lib/errors.ts", "lib/version.ts"],
  "lib/ledger": ["lib/errors.ts", "lib/store"],
  "lib/store": ["lib/errors.ts"],
  "lib/kube": ["lib/errors.ts"],
  "lib/archive": ["lib/errors.ts"],
  "lib/oci": ["lib/errors.ts", "lib/archive"],
  "lib/yaml": ["lib/errors.ts"],
  "lib/template": ["lib/errors.ts", "lib/yaml"],
  "lib/json-schema": ["lib/errors.ts", "lib/template", "lib/yaml"],
  "lib/helm": ["lib/errors.ts", "lib/oci", "lib/store", "lib/archive", "lib/template", "lib/json-schema", "lib/yaml"],
  "lib/images": ["lib/errors.ts", "lib/oci", "lib/store", "lib/helm", "lib/yaml"],
  "lib/mirror": ["lib/errors.ts", "lib/oci", "lib/store", "lib/images"],
  "lib/bundle": ["lib/errors.ts", "lib/oci", "lib/store", "lib/archive", "lib/helm", "lib/images"],
  "lib/release": ["lib/errors.ts", "lib/events", "lib/bundle"],
  "lib/jobs": ["lib/errors.ts", "lib/events"],
  "lib/webhooks": ["lib/errors.ts", "lib/events", "lib/oci"],
  "lib/cli": [
    "lib/errors.ts",
    "lib/compose.ts",
    "lib/config",
    "lib/events",
    "lib/runtime",
    "lib/telemetry",
    "lib/store",
    "lib/oci",
    "lib/helm",
    "lib/images",
    "lib/mirror",
    "lib/bundle",
  ],
};

/**
 * Entrances besides a folder's index.ts: hosts, each with an SDK that the others must not load; the functions for
 * templates, which few of the template engine's users need; the reader of image lists, which mirrors start without all that
 * charts need; what renders charts, which threads load and those who have threads do not; what starts such a thread, before
 * all else is loaded; what it begins with; the log, which a command line opens when it has something to say.
 */
const entrances: readonly string[] = [
  "lib/runtime/knative.ts",
  "lib/runtime/job.ts",
  "lib/runtime/log.ts",
  "lib/runtime/local/index.ts",
  "lib/template/functions/index.ts",
  "lib/cli/prepare.ts",
  "lib/images/lists.ts",
  "lib/helm/render/index.ts",
  "lib/helm/render/chart-threads.ts",
  "lib/helm/render/worker.ts",
  "lib/images/optional/threads.ts",
  "lib/images/optional/worker.ts",
];

/** The one file (for a shared tool: the few files) that may import a package. Every package is here. */
const only: Readonly<Record<string, readonly string[]>> = {
  "@aws-sdk/client-s3": ["lib/store/s3/s3.ts"],
  "@google-cloud/functions-framework": ["lib/runtime/knative.ts"],
  "@kubernetes/client-node": ["lib/kube/kubeconfig.ts"],
  "@opentelemetry/api": ["lib/telemetry/open-telemetry.ts"],
  "@opentelemetry/core": ["lib/telemetry/open-telemetry.ts"],
  "@opentelemetry/exporter-metrics-otlp-http": ["lib/telemetry/open-telemetry.ts"],
  "@opentelemetry/exporter-trace-otlp-http": ["lib/telemetry/open-telemetry.ts"],
  "@opentelemetry/resources": ["lib/telemetry/open-telemetry.ts"],
  "@opentelemetry/sdk-metrics": ["lib/telemetry/open-telemetry.ts"],
  "@opentelemetry/sdk-trace": ["lib/telemetry/open-telemetry.ts"],
  "ali-oss": ["lib/store/oss/oss.ts"],
  cloudevents: ["lib/events/write-binary.ts"],
  croner: ["lib/runtime/local/schedule.ts"],
  fflate: ["lib/helm/binary.ts"],
  "js-yaml": ["lib/yaml/flow-lines.ts", "lib/yaml/read.ts"],
  "p-limit": ["lib/oci/concurrently.ts"],
  pino: ["lib/runtime/log.ts"],
  re2js: ["lib/template/functions/regex.ts"],
  semver: ["lib/helm/index/fold.ts"],
};
/** Languages rather than SDKs: YAML where files of a domain are read, zod where shapes are declared. */
const everywhere = ["yaml", "zod"];

const areaOf = (file: string): string | undefined =>
  Object.keys(may).find((area) => file === area || file.startsWith(`${area}/`));

const isEntrance = (file: string): boolean =>
  file.endsWith("/index.ts") ? file.split("/").length === 3 || file === "functions/index.ts" : file in may;

const sources = (): readonly string[] =>
  ["bin", "functions", "lib"].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${directory}/${file}`),
  );

async function imports(): Promise<readonly { from: string; to: string; external: boolean }[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...sources()],
    bundle: true,
    write: false,
    metafile: true,
    packages: "external",
    platform: "node",
    format: "esm",
    outdir: "unused",
    logLevel: "silent",
  });
  return Object.entries(metafile.inputs).flatMap(([from, input]) =>
    input.imports.map(({ path, external = false }) => ({ from, to: path, external })),
  );
}

const all = await imports();

test("every file belongs to an area with a rule", () => {
  const lost = all.map(({ from }) => from).filter((file) => areaOf(file) === undefined);
  assert.deepEqual([...new Set(lost)], []);
});

test("imports point only where ARCHITECTURE.md says", () => {
  const wrong = all.filter(({ from, to, external }) => {
    const [here, there] = [areaOf(from), areaOf(to)];
    return !external && here !== undefined && here !== there && !may[here]?.includes(there ?? "");
  });
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test("nobody imports past the face of a folder", () => {
  const wrong = all.filter(
    ({ from, to, external }) =>
      !external &&
      areaOf(from) !== areaOf(to) &&
      !isEntrance(to) &&
      !entrances.includes(to) &&
      areaOf(to) !== "functions",
  );
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test("functions never import each other", () => {
  const wrong = all.filter(
    ({ from, to }) => from.startsWith("functions/") && to.startsWith("functions/") && from !== "functions/index.ts",
  );
  assert.deepEqual(wrong, []);
});

test("each package is imported where it is hidden, and nowhere else", () => {
  const packages = all.filter(({ to, external }) => external && !to.startsWith("node:"));
  const name = (path: string): string =>
    path
      .split("/")
      .slice(0, path.startsWith("@") ? 2 : 1)
      .join("/");
  const wrong = packages.filter(({ from, to }) => !everywhere.includes(name(to)) && !only[name(to)]?.includes(from));
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test("zod is imported as a namespace: any other way keeps all its translations in every built file", () => {
  const wrong = sources().filter((file) => /import \{[^}]*\} from "zod"/.test(readFileSync(join(root, file), "utf8")));
  assert.deepEqual(wrong, []);
});

test("no module of lib/ is imported for what it does when it is loaded: a build leaves out what nothing is used of", () => {
  const wrong = sources().filter(
    (file) => !file.startsWith("bin/") && /^import "/m.test(readFileSync(join(root, file), "utf8")),
  );
  assert.deepEqual(wrong, []);
});
