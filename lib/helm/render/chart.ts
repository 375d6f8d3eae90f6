import type { Value } from "../../template/index.ts";
import { readYaml } from "../../yaml/index.ts";
import { ChartAllowance, type ChartFile, readChartFiles, textOf, unpackChart } from "./chart-source.ts";
import { isTable, type Table } from "./coalesce.ts";
import { type Metadata, readMetadata } from "./metadata.ts";
import { Refusal, refusalOf, refusing } from "./refusal.ts";
import { readValues } from "./values.ts";
import { isVersion } from "./versions.ts";

/** A chart as it was read; nothing changes it, so it can be rendered many times. */
export interface Chart {
  readonly metadata: Metadata;
  /** values.yaml */
  readonly values: Table;
  /** values.schema.json */
  readonly schema: Uint8Array | undefined;
  /** What says something about the chart, as it is written: Chart.yaml, values.yaml, Images.lock and the like. */
  readonly definition: ReadonlyMap<string, Uint8Array>;
  /** Everything below templates/, partials and NOTES.txt included. */
  readonly templates: readonly ChartFile[];
  /** Everything else, crds/ included: what `.Files` shows. */
  readonly files: readonly ChartFile[];
  /** What lies in charts/, taking part or not, sorted by file name. */
  readonly subcharts: readonly Chart[];
}

/** A chart whose memory can be given back. What was made of its files stays; the files themselves are empty then. */
export interface OpenChart extends Chart, Disposable {}

/** Archives within archives: more than any chart has. */
const MAX_DEPTH = 20;

/**
 * Read a chart archive (.tgz) or directory with all charts packed in it, as helm 4.1.4 does (pkg/chart/v2/loader).
 *
 * @throws Refusal
 */
export async function readChart(path: string, signal?: AbortSignal): Promise<OpenChart> {
  const allowance = new ChartAllowance();
  const files = await readChartFiles(path, allowance, signal);
  const chart = await chartOf(files, allowance, 0);
  if (!["v1", "v2"].includes(chart.metadata.apiVersion)) {
    throw new Refusal(`unsupported chart version ${JSON.stringify(chart.metadata.apiVersion)}`);
  }
  return { ...chart, [Symbol.dispose]: () => allowance[Symbol.dispose]() };
}

async function chartOf(files: readonly ChartFile[], allowance: ChartAllowance, depth: number): Promise<Chart> {
  if (depth > MAX_DEPTH) throw new Refusal(`charts lie more than ${MAX_DEPTH} levels deep in one another`);
  const own = new Map(files.map((file) => [file.path, file]));
  const metadata = metadataOf(own);
  const kept = files.filter(({ path }) => !consumed.has(path) || (metadata.apiVersion === "v1" && legacy.has(path)));
  return {
    metadata,
    values: refusing("cannot load values.yaml", () => readValues(textIn(own.get("values.yaml")))),
    schema: own.get("values.schema.json")?.bytes,
    definition: new Map(
      files.filter(({ path }) => consumed.has(path) || path === "Images.lock").map(({ path, bytes }) => [path, bytes]),
    ),
    templates: kept.filter(({ path }) => path.startsWith("templates/")),
    files: kept.filter(({ path }) => !path.startsWith("templates/") && !isPartOfSubchart(path)),
    subcharts: await subchartsOf(kept, metadata.name, allowance, depth),
  };
}

/** Files that say what the chart is; templates do not see them. */
const consumed: ReadonlySet<string> = new Set([
  "Chart.yaml",
  "Chart.lock",
  "values.yaml",
  "values.schema.json",
  "requirements.yaml",
  "requirements.lock",
]);
/** … but these they do see, in charts of helm 2. */
const legacy: ReadonlySet<string> = new Set(["requirements.yaml", "requirements.lock"]);

const isPartOfSubchart = (path: string): boolean => path.startsWith("charts/") && !path.endsWith(".prov");

function metadataOf(files: ReadonlyMap<string, ChartFile>): Metadata {
  if (!files.has("Chart.yaml")) throw new Refusal("Chart.yaml file is missing");
  const chartYaml = refusing("cannot load Chart.yaml", () => mappingOf(files.get("Chart.yaml")));
  const requirements = refusing("cannot load requirements.yaml", () => mappingOf(files.get("requirements.yaml")));
  return refusing("cannot load Chart.yaml", () => readMetadata(new Map([...chartYaml, ...requirements]), isVersion));
}

function mappingOf(file: ChartFile | undefined): Table {
  const value: Value = readYaml(textIn(file));
  if (value === null) return new Map();
  if (!isTable(value)) throw new Refusal("it is not a mapping");
  return value;
}

const textIn = (file: ChartFile | undefined): string => (file === undefined ? "" : textOf(file.bytes));

async function subchartsOf(
  files: readonly ChartFile[],
  parent: string,
  allowance: ChartAllowance,
  depth: number,
): Promise<readonly Chart[]> {
  const byEntry = Map.groupBy(
    files.filter(({ path }) => isPartOfSubchart(path)),
    ({ path }) => path.split("/")[1]!,
  );
  const charts: Chart[] = [];
  for (const entry of [...byEntry.keys()].sort()) {
    if (entry.startsWith("_") || entry.startsWith(".")) continue;
    try {
      charts.push(await chartOf(await filesOf(entry, byEntry.get(entry)!, allowance), allowance, depth + 1));
    } catch (error) {
      throw refusalOf(error, `error unpacking subchart ${entry} in ${parent}`);
    }
  }
  return charts;
}

/** An archive, or the files below a directory: a plain file in charts/ is a chart without Chart.yaml. */
async function filesOf(
  entry: string,
  files: readonly ChartFile[],
  allowance: ChartAllowance,
): Promise<readonly ChartFile[]> {
  const prefix = `charts/${entry}`;
  if (!entry.endsWith(".tgz")) {
    return files.flatMap(({ path, bytes }) =>
      path === prefix ? [] : [{ path: path.slice(prefix.length + 1), bytes }],
    );
  }
  const archive = files.find(({ path }) => path === prefix);
  if (archive === undefined) throw new Refusal("it is a directory that is named like an archive");
  return unpackChart(archive.bytes, allowance);
}
