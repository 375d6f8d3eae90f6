import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { splitTemplates } from "../lib/helm/helm-renderer.ts";
import { ensureHelm, openRenderer, readChartOnDisk } from "../lib/helm/index.ts";
import { findImages, imagesOfChart } from "../lib/images/index.ts";
import { buildMains } from "../tools/build.ts";
import { chartArchives, generateCharts } from "./images-charts.ts";
import { type Measure, measured, median } from "./measured.ts";

const GENERATED = Number(process.env["STOWAGE_BENCH_CHARTS"] ?? 200);
const COLD_ROUNDS = 9;

/**
 * The images of all charts of a directory, in one run of stowage, beside `helm template` of the same charts, two at a time.
 *
 * @param directory of chart archives and directories, up to three levels deep; default: charts it generates
 * @returns Markdown
 */
export async function run([directory]: readonly string[] = []): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), "stowage-bench-"));
  try {
    const own = join(work, "generated");
    if (directory === undefined) await generateCharts(own, GENERATED);
    const charts = await chartArchives(directory ?? own, join(work, "charts"));
    const { stowage } = await buildMains(join(work, "dist"));
    return await measureAll(charts, stowage, work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function measureAll(charts: readonly string[], stowage: string, work: string): Promise<string> {
  const helm = await ensureHelm();
  const outputs = join(work, "helm");
  await mkdir(outputs);
  const list = join(work, "charts.txt");
  await writeFile(list, charts.map((chart, i) => `${join(outputs, String(i))} ${chart}\n`).join(""));
  const env = { ...process.env, HOME: work, HELM_CACHE_HOME: work, NODE_OPTIONS: "" };
  const images = (...args: readonly string[]): Promise<Measure> =>
    measured(
      [
        "sh",
        "-c",
        '"$@" >"$0.json" 2>"$0.err"; [ $? -le 1 ]',
        join(work, "images"),
        process.execPath,
        stowage,
        "images",
        "--format",
        "json",
        ...args,
      ],
      env,
    );
  // a chart that does not render is no failure of the run
  const each = `${helm} template release-name "$1" --include-crds --skip-tests >"$0" 2>/dev/null || rm "$0"`;
  const byHelm = await measured(["xargs", "-a", list, "-P", "2", "-L", "1", "sh", "-c", each], env);
  const kept = ["--data", join(work, "data")];
  const rows: readonly (readonly [string, Measure])[] = [
    ["helm template, two at a time", byHelm],
    ["**stowage images**", await images(...charts)],
    ["**stowage images, keeping what it finds**", await images(...kept, ...charts)],
    ["**stowage images, again**", await images(...kept, ...charts)],
    ["**stowage images --optional**", await images("--optional", ...charts)],
  ];
  const table = rows.map(([name, { seconds, cpuSeconds, peakBytes }]) => {
    const ratio = (cpuSeconds / byHelm.cpuSeconds).toFixed(3);
    return `| ${name} | ${ratio} | ${cpuSeconds.toFixed(1)} s | ${seconds.toFixed(1)} s | ${Math.round(peakBytes / 2 ** 20)} MiB |`;
  });
  return [
    `${charts.length} charts.`,
    "",
    "| | CPU, of helm's | CPU | wall | peak RSS |",
    "|---|---|---|---|---|",
    ...table,
    "",
    await compared(charts, outputs),
    await measureCold(charts[0]!, helm, stowage, env),
  ].join("\n");
}

/** Whether both found the same images in every chart that helm renders. */
async function compared(charts: readonly string[], outputs: string): Promise<string> {
  const renderer = openRenderer({ threads: 0 });
  const counts = { rendered: 0, equal: 0 };
  const different: string[] = [];
  for (const [i, path] of charts.entries()) {
    const output = await readFile(join(outputs, String(i)), "utf8").catch(() => undefined);
    if (output === undefined) continue;
    counts.rendered++;
    const chart = await readChartOnDisk(path);
    const manifests = splitTemplates(output).map(({ text, path: template }) => ({
      chart: chart.name,
      version: chart.version,
      subchart: "",
      template,
      text,
    }));
    const names = (found: { readonly images: readonly { readonly image: string }[] }): string =>
      found.images.map(({ image }) => image).join(" ");
    const ours = await imagesOfChart(chart, renderer).then(names, (error: Error) => error.message);
    if (names(findImages(manifests)) === ours) counts.equal++;
    else different.push(`${chart.name}-${chart.version}`);
  }
  const rest = different.length === 0 ? "" : `; others in ${different.slice(0, 10).join(", ")}`;
  return `Helm renders ${counts.rendered}; the same images in ${counts.equal} of them${rest}.`;
}

/** One chart, a process of its own each time. */
async function measureCold(chart: string, helm: string, stowage: string, env: NodeJS.ProcessEnv): Promise<string> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let i = 0; i < COLD_ROUNDS; i++) {
    theirs.push((await measured([helm, "template", chart], env)).seconds);
    ours.push((await measured([process.execPath, stowage, "images", chart], env)).seconds);
  }
  const [mine, others] = [median(ours), median(theirs)];
  return `One chart, cold: ${Math.round(mine * 1000)} ms, helm ${Math.round(others * 1000)} ms: ${(mine / others).toFixed(2)}.`;
}
