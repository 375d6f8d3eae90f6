import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ensureHelm, textKey, wholeScope } from "../lib/helm/index.ts";
import { chartArtifact } from "../test/fixtures/chart-artifact.ts";
import { startEmbeddedRegistry } from "../test/real/embedded-registry.ts";
import { findProgram } from "../test/real/programs.ts";
import { buildMains } from "../tools/build.ts";
import { measureServing } from "./index-serving.ts";
import { chartVersions, metadataOf, startCatalogue, writeArchives, writeRecords } from "./index-store.ts";
import { type Measure, measured, median } from "./measured.ts";

const SIZES = (process.env["STOWAGE_BENCH_CHARTS"] ?? "10000,50000").split(",").map(Number);
const ROUNDS = Number(process.env["STOWAGE_BENCH_ROUNDS"] ?? 3);
const CATALOGUE = "catalogue.example.com";
const PUSHES = "push.example.com";

/** The built files. */
interface Built {
  readonly main: string;
  readonly server: string;
}

interface Row {
  readonly name: string;
  readonly rounds: readonly Measure[];
  readonly note?: string;
}

/**
 * One push of a chart to an index that can be served, and a full check of all of it: stowage as its built file and a
 * process of its own each time, over a store in a directory; beside helm, which makes the same index of archives in a
 * directory (`helm repo index`), or adds one archive to it (`--merge`).
 *
 * The catalogue is a server that answers what a check asks; the pushed chart lies in the embedded registry.
 *
 * @returns Markdown: a table for each size
 */
export async function run(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-bench-"));
  try {
    const { stowage: main, knative: server } = await buildMains(directory);
    const tables: string[] = [];
    for (const size of SIZES) tables.push(await measureSize(size, { main, server }, join(directory, String(size))));
    if (findProgram("chartmuseum") === undefined) tables.push("Not on the PATH: chartmuseum.");
    return tables.join("\n\n");
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function measureSize(size: number, { main, server }: Built, directory: string): Promise<string> {
  const say = (text: string): void => void process.stderr.write(`${size}: ${text}\n`);
  const versions = chartVersions(size);
  const store = join(directory, "store");
  say("writing records and archives");
  await writeRecords(store, CATALOGUE, versions);
  const archives = join(directory, "archives");
  await writeArchives(archives, versions);
  await using catalogue = await startCatalogue(versions);
  await using registry = await startEmbeddedRegistry();
  const config = join(directory, "stowage.yaml");
  const reached = (host: string, at: string): string => `  - { host: ${host}, endpoint: "http://${at}" }`;
  await writeFile(
    config,
    ["registries:", reached(CATALOGUE, catalogue.host), reached(PUSHES, registry.host)]
      .concat(`store: file:${store}`, `index: { registries: [${CATALOGUE}] }`)
      .join("\n"),
  );
  let events = 0;
  const indexCharts = async (type: string, data: object): Promise<Measure> => {
    const file = join(directory, "event.json");
    const event = { specversion: "1.0", id: `bench-${events++}`, source: "/bench", type, data };
    await writeFile(file, JSON.stringify(event));
    return measured([process.execPath, main, "run", "index-charts", "--event", file, "--config", config], {});
  };
  const check = (): Promise<Measure> => indexCharts("dev.knative.sources.ping", { task: "index-charts" });

  say("the first index, from records");
  const first = await check();
  const checks: Measure[] = [];
  const pushes: Measure[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const version = `2.${round}.0`;
    const chart = { name: versions[Math.floor(size / 2)]!.name, version };
    await registry.push(`catalogue/${chart.name}`, version, chartArtifact(metadataOf(chart)));
    const data = { registry: PUSHES, repository: `catalogue/${chart.name}`, tag: version, artifactKind: "chart" };
    pushes.push(await indexCharts("dev.stowage.artifact.pushed.v1", data));
    checks.push(await check());
    say(`push ${pushes.at(-1)!.seconds.toFixed(2)} s, check ${checks.at(-1)!.seconds.toFixed(2)} s`);
  }

  say("pushes to a running function");
  const warm = await pushesToServer(server, config, ROUNDS + 1, async (round) => {
    const chart = { name: versions[Math.floor(size / 3)]!.name, version: `2.${round}.0` };
    await registry.push(`catalogue/${chart.name}`, chart.version, chartArtifact(metadataOf(chart)));
    return { registry: PUSHES, repository: `catalogue/${chart.name}`, tag: chart.version, artifactKind: "chart" };
  });

  const helm = await ensureHelm((line) => say(line));
  const environment = { HOME: directory, PATH: process.env["PATH"] };
  const whole: Measure[] = [];
  const merges: Measure[] = [];
  const index = join(archives, "index.yaml");
  for (let round = 0; round < ROUNDS; round++) {
    whole.push(await measured([helm, "repo", "index", archives], environment));
    const one = join(directory, `one-${round}`);
    await writeArchives(one, [{ name: "chart-new", version: `2.${round}.0`, repository: "" }]);
    merges.push(await measured([helm, "repo", "index", one, "--merge", index], environment));
    say(`helm repo index ${whole.at(-1)!.seconds.toFixed(2)} s, --merge ${merges.at(-1)!.seconds.toFixed(2)} s`);
  }
  const texts = await textSizes(store, 1 + ROUNDS + warm.length + 1);
  return [
    `${size} chart versions, 50 of each chart; medians of ${ROUNDS} rounds, the first index once. ${texts}`,
    "",
    ...table([
      { name: "helm repo index --merge, one chart added", rounds: merges },
      { name: "helm repo index, all", rounds: whole },
      { name: "**stowage: one push, running function**", rounds: warm },
      { name: "**stowage: one push, a process of its own**", rounds: pushes },
      { name: "**stowage: check of everything**", rounds: checks, note: `${size} HEADs` },
      { name: "**stowage: first index, from records**", rounds: [first], note: "once" },
    ]),
    "",
    ...(await measureServing(server, store, archives, directory)),
  ].join("\n");
}

/**
 * Pushes to index-charts as it runs on a cluster: a process that is there already. The first one, which opens everything,
 * is not counted.
 */
async function pushesToServer(
  server: string,
  config: string,
  count: number,
  push: (round: number) => Promise<object>,
): Promise<readonly Measure[]> {
  const env = { FUNCTION_TARGET: "index-charts", PORT: "0", STOWAGE_CONFIG: config, PATH: process.env["PATH"] };
  const child = spawn(process.execPath, [server], { env, stdio: ["ignore", "ignore", "pipe"] });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`the function ended with ${code}`)));
      createInterface(child.stderr).on("line", (line) => {
        const ready = /"url":"([^"]+)"/.exec(line)?.[1];
        if (ready !== undefined) resolve(ready);
      });
    });
    const measures: Measure[] = [];
    for (let round = 0; round < count; round++) {
      const data = await push(round);
      const event = { specversion: "1.0", id: `warm-${round}`, source: "/bench" };
      const body = JSON.stringify({ ...event, type: "dev.stowage.artifact.pushed.v1", data });
      const before = await cpuSecondsOf(child.pid!);
      const started = performance.now();
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/cloudevents+json" },
        body,
      });
      await response.arrayBuffer();
      const seconds = (performance.now() - started) / 1000;
      if (response.status !== 200) throw new Error(`the function answered ${response.status}`);
      const cpuSeconds = (await cpuSecondsOf(child.pid!)) - before;
      measures.push({ seconds, cpuSeconds, peakBytes: await peakBytesOf(child.pid!) });
    }
    return measures.slice(1);
  } finally {
    child.kill("SIGKILL");
  }
}

/** https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
async function peakBytesOf(pid: number): Promise<number> {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Fields 14 and 15, in hundredths: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
async function cpuSecondsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function textSizes(store: string, generation: number): Promise<string> {
  const sizes = ["index.yaml", "index.yaml.gz", "index.json.gz"] as const;
  const texts = sizes.map(async (name) => {
    const { size } = await stat(join(store, textKey(wholeScope.root, generation, name)));
    return `${name} has ${(size / 1e6).toFixed(1)} MB`;
  });
  return `${(await Promise.all(texts)).join(", ")}.`;
}

function table(rows: readonly Row[]): readonly string[] {
  const middle = ({ rounds }: Row, of: (measure: Measure) => number): number => median(rounds.map(of));
  const base = rows[0]!;
  return [
    "| | time | ratio | CPU | peak RSS | ratio | |",
    "|---|---|---|---|---|---|---|",
    ...rows.map((row) => {
      const seconds = middle(row, (one) => one.seconds);
      const peak = middle(row, (one) => one.peakBytes);
      const ratios = [seconds / middle(base, (one) => one.seconds), peak / middle(base, (one) => one.peakBytes)];
      const [time, memory] = ratios.map((ratio) => ratio.toFixed(3));
      const cpu = middle(row, (one) => one.cpuSeconds).toFixed(2);
      return `| ${row.name} | ${seconds.toFixed(2)} s | ${time} | ${cpu} s | ${Math.round(peak / 1e6)} MB | ${memory} | ${row.note ?? ""} |`;
    }),
  ];
}
