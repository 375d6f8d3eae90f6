import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { openRegistries } from "../lib/oci/index.ts";
import { findProgram } from "../test/real/programs.ts";
import { buildMains } from "../tools/build.ts";
import { startCountedRegistry } from "./counted-registry.ts";
import { type Measure, measured, median } from "./measured.ts";
import { imageNames, mirroredOnDisk, sizes } from "./mirror-images.ts";
import { type Hop, peers, stowage, type Tool } from "./mirror-tools.ts";

const ROUNDS = Number(process.env["STOWAGE_BENCH_ROUNDS"] ?? 3);
const MEMORY_DISK = "/dev/shm";

interface Run extends Measure {
  /** From the source. */
  readonly bytesRead: number;
  /** At both registries. */
  readonly requests: number;
  /** What both registries took. */
  readonly registriesCpuSeconds: number;
}

interface Result {
  readonly tool: Tool;
  /** Each a mirror to an empty registry, and the same once more. */
  readonly rounds: (readonly [cold: Run, warm: Run])[];
  failure?: string;
}

/**
 * Mirror {@linkcode imageNames} from one real registry to another, which is empty (cold) and then has everything (warm):
 * stowage as its built file, beside every peer on the PATH. Tools take turns, so that whatever else the machine does falls
 * on all of them. After each cold run it is checked that the images are there; one that fails is said to. The target lies
 * in memory where there is room, so that nobody waits for a disk.
 *
 * @returns Markdown: tables of medians, and which peers are missing
 */
export async function run(): Promise<string> {
  const source = await mirroredOnDisk();
  const directory = await mkdtemp(join((await hasRoom(MEMORY_DISK)) ? MEMORY_DISK : tmpdir(), "stowage-bench-"));
  try {
    const { stowage: main } = await buildMains(directory);
    const own = stowage(main);
    const present = peers.filter(({ program }) => findProgram(program) !== undefined);
    const results = [own, ...present].map((tool): Result => ({ tool, rounds: [] }));
    const starts: Measure[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      for (const result of results.filter(({ failure }) => failure === undefined)) {
        await measureRound(result, source, await mkdtemp(join(directory, "round-")));
        const said =
          result.failure ??
          result.rounds
            .at(-1)
            ?.map(({ seconds }) => `${seconds.toFixed(2)} s`)
            .join(", ");
        process.stderr.write(`round ${round}: ${result.tool.name}: ${said}\n`);
      }
      starts.push(await measured([process.execPath, "-e", ""], {}));
    }
    const good = results.filter(({ failure }) => failure === undefined);
    return [
      ...table("cold", good, ([cold]) => cold),
      "",
      ...table("warm", good, ([, warm]) => warm),
      "",
      `${imageNames.length} images, ${mega(sizes.total)} MB, of which ${mega(sizes.unique)} MB are unique; medians of ${ROUNDS} rounds; target in ${dirname(directory)}.`,
      `Node alone starts and ends in ${median(starts.map(({ seconds }) => seconds)).toFixed(3)} s.`,
      ...results.flatMap(({ tool, failure }) => (failure === undefined ? [] : [`Failed: ${tool.name}: ${failure}.`])),
      ...peers.flatMap((tool) => (present.includes(tool) ? [] : [`Not on the PATH: ${tool.program}.`])),
    ].join("\n");
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function hasRoom(directory: string): Promise<boolean> {
  const space = await statfs(directory).catch(() => undefined);
  return space !== undefined && space.bavail * space.bsize > 3 * sizes.unique;
}

/** A cold and a warm run, with registries of their own. */
async function measureRound(result: Result, storage: string, directory: string): Promise<void> {
  try {
    await using source = await startCountedRegistry(storage);
    await using target = await startCountedRegistry(join(directory, "target"));
    const hop = { source: source.host, target: target.host, images: imageNames, directory };
    const argv = await result.tool.command(hop);
    const PATH = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
    const env = { PATH, HOME: directory, XDG_RUNTIME_DIR: directory };
    const once = async (): Promise<Run> => {
      await Promise.all([source.traffic(), target.traffic()]);
      const measure = await measured(argv, env);
      const [read, written] = await Promise.all([source.traffic(), target.traffic()]);
      return {
        ...measure,
        bytesRead: read.bytes,
        requests: read.requests + written.requests,
        registriesCpuSeconds: read.cpuSeconds + written.cpuSeconds,
      };
    };
    const cold = await once();
    await requireImages(hop);
    result.rounds.push([cold, await once()]);
  } catch (error) {
    result.failure = error instanceof Error ? error.message : String(error);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A tool that is fast because it leaves something out is not. */
async function requireImages({ source, target, images }: Hop): Promise<void> {
  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-bench" });
  for (const image of images) {
    const [repository = "", tag = ""] = image.split(":");
    const [wanted, found] = await Promise.all(
      [source, target].map((host) => registries.repository(host, repository).resolve(tag)),
    );
    if (wanted?.digest !== found?.digest) throw new Error(`${image} is ${found?.digest} instead of ${wanted?.digest}`);
  }
}

function table(heading: string, results: readonly Result[], runOf: (round: Result["rounds"][number]) => Run): string[] {
  const rows = results.map(({ tool, rounds }) => {
    const middle = (of: (run: Run) => number): number => median(rounds.map((round) => of(runOf(round))));
    return {
      tool,
      seconds: middle((run) => run.seconds),
      cpu: middle((run) => run.cpuSeconds),
      peak: middle((run) => run.peakBytes),
      read: middle((run) => run.bytesRead),
      requests: middle((run) => run.requests),
      registries: middle((run) => run.registriesCpuSeconds),
    };
  });
  const best = Math.min(...rows.filter(({ tool }) => peers.includes(tool)).map(({ seconds }) => seconds));
  return [
    `| ${heading} | wall, of the best peer's | wall | CPU | CPU of the registries | peak RSS | read from source | requests |`,
    "|---|---|---|---|---|---|---|---|",
    ...rows.map(
      ({ tool, seconds, cpu, registries, peak, read, requests }) =>
        `| ${tool.name} | ${(seconds / best).toFixed(2)} | ${seconds.toFixed(2)} s | ${cpu.toFixed(2)} s | ${registries.toFixed(2)} s | ${mega(peak)} MB | ${mega(read)} MB | ${requests} |`,
    ),
  ];
}

const mega = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

if (import.meta.main) process.stdout.write(`${await run()}\n`);
