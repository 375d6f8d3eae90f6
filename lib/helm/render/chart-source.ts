import { createReadStream, type Dirent, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { Readable } from "node:stream";
import { gunzipAtOnce, gunzipBounded, pathProblem, readTar, readTarInMemory } from "../../archive/index.ts";
import { IgnoreRules } from "./ignore-rules.ts";
import { Refusal, refusalOf, refusing } from "./refusal.ts";

/** A file of a chart, by its path in the chart. A byte order mark at its beginning is left out. */
export interface ChartFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of a file; what is no UTF-8 becomes U+FFFD. */
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** What helm takes (helm v4.1.4 pkg/chart/loader/archive), for a chart with everything packed in it. */
const MAX_CHART_BYTES = 100 * 1024 * 1024;
const MAX_FILE_BYTES = 5 * 1024 * 1024;
const MAX_FILES = 50_000;

const tarLimits = { entries: MAX_FILES, bytes: MAX_CHART_BYTES };
const inflateLimits = { bytes: 2 * MAX_CHART_BYTES };
/** Bytes of an archive that is read at once: more than any real one has. */
const MAX_AT_ONCE = 16 * 1024 * 1024;

/** What one chart may hold, archives of subcharts included: an archive in an archive cannot multiply it. */
export class ChartAllowance implements Disposable {
  #files = MAX_FILES;
  #bytes = MAX_CHART_BYTES;
  readonly #inflated: ArrayBuffer[] = [];

  /** @throws Refusal */
  take(path: string, size: number): void {
    if (size > MAX_FILE_BYTES)
      throw new Refusal(`its file ${JSON.stringify(path)} has more than ${MAX_FILE_BYTES} bytes`);
    this.#files -= 1;
    this.#bytes -= size;
    if (this.#files < 0) throw new Refusal(`it has more than ${MAX_FILES} files`);
    if (this.#bytes < 0) throw new Refusal(`its files have more than ${MAX_CHART_BYTES} bytes`);
  }

  /** Notes memory that nothing but files of the chart lie in. */
  inflated(memory: ArrayBuffer): void {
    this.#inflated.push(memory);
  }

  /**
   * Ends the chart: the files of its archives are empty from now on. Their memory would else wait for a collection, and bring
   * it on sooner.
   */
  [Symbol.dispose](): void {
    for (const memory of this.#inflated) memory.transfer(0);
  }
}

/**
 * The files of a chart archive or directory. Of a directory, what its `.helmignore` names is left out, and symbolic links
 * are followed as long as they stay within it.
 *
 * @throws Refusal
 */
export async function readChartFiles(
  path: string,
  allowance: ChartAllowance,
  signal?: AbortSignal,
): Promise<readonly ChartFile[]> {
  try {
    signal?.throwIfAborted();
    const status = statSync(path);
    if (status.isDirectory()) return readDirectory(path, allowance, signal);
    if (status.isFile() && status.size <= MAX_AT_ONCE) return await unpackChart(readFileSync(path), allowance);
    return await readStream(createReadStream(path, { signal }), allowance);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "syscall" in error) throw new Refusal(error.message, { cause: error });
    throw refusalOf(error);
  }
}

/**
 * The files of a packed chart, without the folder they all lie in. They are views of one piece of memory; an archive that
 * cannot be inflated at once flows, and is refused for the first thing that is wrong with it.
 *
 * @throws Refusal, RejectedError ARCHIVE_INVALID
 */
export async function unpackChart(archive: Uint8Array, allowance: ChartAllowance): Promise<readonly ChartFile[]> {
  const tar = gunzipAtOnce(archive, inflateLimits);
  if (tar === undefined) return readStream(Readable.from([archive]), allowance);
  allowance.inflated(tar.buffer);
  const files: ChartFile[] = [];
  for (const entry of readTarInMemory(tar, tarLimits)) {
    if (entry.type !== "file") continue;
    allowance.take(entry.path, entry.size);
    files.push({ path: belowFolder(entry.written), bytes: withoutMark(entry.content) });
  }
  return some(files);
}

async function readStream(source: AsyncIterable<Uint8Array>, allowance: ChartAllowance): Promise<readonly ChartFile[]> {
  const files: ChartFile[] = [];
  for await (const { type, path, written, size, body } of readTar(gunzipBounded(source, inflateLimits), tarLimits)) {
    if (type !== "file") continue;
    allowance.take(path, size);
    files.push({ path: belowFolder(written), bytes: withoutMark(Buffer.concat(await Array.fromAsync(body))) });
  }
  return some(files);
}

function some(files: readonly ChartFile[]): readonly ChartFile[] {
  if (files.length === 0) throw new Refusal("its archive holds no files");
  return files;
}

/**
 * The path without its first part, which may be the dot of `./Chart.yaml`: what is written counts. Archives made on Windows may
 * separate by `\` (helm v4.1.4 pkg/chart/loader/archive).
 */
function belowFolder(written: string): string {
  const [, ...rest] = written.split(written.includes("\\") ? "\\" : "/");
  const below = rest.filter((part, i) => part !== "." && (part !== "" || i === 0)).join("/");
  const problem = /^[a-zA-Z]:\//.test(below) ? "it names a drive" : pathProblem(below);
  if (problem !== undefined) throw new Refusal(`entry ${JSON.stringify(written)}: below its first folder, ${problem}`);
  return below;
}

/** Without waiting: a chart is many small files, and the thread pool costs more than they do. */
function readDirectory(root: string, allowance: ChartAllowance, signal?: AbortSignal): ChartFile[] {
  const home = realpathSync(root);
  const rules = ignoreRules(home);
  const files: ChartFile[] = [];
  const visit = (directory: string, prefix: string, above: readonly string[]): void => {
    signal?.throwIfAborted();
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort(byName)) {
      const path = `${prefix}${entry.name}`;
      const place = join(directory, entry.name);
      const real = entry.isSymbolicLink() ? realpathSync(place) : place;
      const status = entry.isSymbolicLink() ? statSync(real) : entry;
      if (rules.ignores(path, status.isDirectory())) continue;
      if (real !== place && real !== home && !real.startsWith(home + sep)) {
        throw new Refusal(`its symbolic link ${JSON.stringify(path)} leads out of it`);
      }
      if (status.isDirectory()) {
        if (above.includes(real)) throw new Refusal(`its symbolic link ${JSON.stringify(path)} leads in a circle`);
        allowance.take(path, 0);
        visit(real, `${path}/`, [...above, real]);
      } else if (status.isFile()) {
        allowance.take(path, statSync(real).size);
        files.push({ path, bytes: withoutMark(readFileSync(real)) });
      } else throw new Refusal(`its entry ${JSON.stringify(path)} is neither file nor directory`);
    }
  };
  visit(home, "", [home]);
  return files;
}

function ignoreRules(directory: string): IgnoreRules {
  let text = "";
  try {
    text = readFileSync(join(directory, ".helmignore"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return refusing(".helmignore", () => new IgnoreRules(text));
}

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1);

const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
