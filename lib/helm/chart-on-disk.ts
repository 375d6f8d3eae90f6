import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { parseDocument } from "yaml";
import * as z from "zod";
import { inflated, readTar } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";

/** A chart archive or directory, and what its Chart.yaml calls it. */
export interface ChartOnDisk {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** `library` for a chart of which nothing can be installed. */
  readonly type?: string | undefined;
}

/** A chart archive or directory. Who does not know its name and version yet leaves them to its Chart.yaml. */
export type ChartPlace = ChartOnDisk | Pick<ChartOnDisk, "path">;

const MAX_CHART_YAML = 1024 * 1024;
const MAX_ENTRIES = 100_000;
const MAX_INFLATED = 1024 * 1024 * 1024;

const headSchema = z.object({
  name: z.string().min(1),
  version: z.coerce.string().min(1),
  type: z.string().optional(),
});

/** @throws RejectedError CHART_INVALID */
export async function readChartOnDisk(path: string): Promise<ChartOnDisk> {
  const parsed = headSchema.safeParse(parseYaml(await chartYamlOf(path), path));
  if (!parsed.success) throw unreadable(path, "its Chart.yaml names no chart and version");
  return { path, ...parsed.data };
}

async function chartYamlOf(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isDirectory()) return await fromArchive(path);
    return await readFile(join(path, "Chart.yaml"), "utf8");
  } catch (error) {
    if (!(error instanceof RejectedError)) throw unreadable(path, (error as NodeJS.ErrnoException).code!, error);
    throw error.code === "ARCHIVE_INVALID" ? unreadable(path, error.message, error) : error;
  }
}

/** The Chart.yaml one level deep: those of subcharts lie deeper. */
async function fromArchive(path: string): Promise<string> {
  const bytes = inflated(createReadStream(path), { bytes: MAX_INFLATED });
  for await (const entry of readTar(bytes, { entries: MAX_ENTRIES, bytes: MAX_INFLATED, links: "inside" })) {
    if (entry.type !== "file" || !/^[^/]+\/Chart\.yaml$/.test(entry.written)) continue;
    if (entry.size > MAX_CHART_YAML) throw unreadable(path, `its Chart.yaml has ${entry.size} bytes`);
    return (await buffer(entry.body)).toString("utf8");
  }
  throw unreadable(path, "it holds no Chart.yaml");
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parseDocument(text, { logLevel: "silent" }).toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw unreadable(path, "its Chart.yaml is not YAML", error);
  }
}

const unreadable = (path: string, why: string, cause?: unknown): RejectedError =>
  new RejectedError("CHART_INVALID", `Cannot read chart "${path}": ${why}`, { cause });
