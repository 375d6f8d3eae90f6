import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { environmentOf } from "../test/fakes/object-service/environment.ts";
import { findProgram } from "../test/real/programs.ts";
import { startVersitygw } from "../test/real/versitygw.ts";
import { buildMains } from "../tools/build.ts";
import { releases, releasesOnDisk, sizes } from "./bundle-images.ts";
import { type CountedRegistry, startCountedRegistry } from "./counted-registry.ts";
import { type Measure, measured, median } from "./measured.ts";

const ROUNDS = Number(process.env["STOWAGE_BENCH_ROUNDS"] ?? 3);
/** Gigabytes of the bundles that are generated, to see whether memory grows with them. */
const GENERATED = (process.env["STOWAGE_BENCH_GENERATED"] ?? "1,20").split(",").map(Number);

/** Something that makes one file of images, ready to be carried. */
interface Tool {
  readonly name: string;
  readonly program: string;
  /** @returns argv of what leaves its result in `directory/out` */
  command(registry: string, directory: string): Promise<readonly string[]>;
}

const images = releases["1.0.0"];

async function script(directory: string, lines: readonly string[]): Promise<readonly string[]> {
  const file = join(directory, "run.sh");
  await writeFile(file, ["set -e", `cd '${directory}'`, "mkdir out work", ...lines, ""].join("\n"));
  return ["sh", file];
}

const nameOf = (image: string): string => image.replaceAll(/[/:]/g, "-");

const peers: readonly Tool[] = [
  {
    name: "skopeo copy docker-archive, one by one, tar and gzip",
    program: "skopeo",
    command: (registry, directory) =>
      script(directory, [
        ...images.map(
          (image) =>
            `skopeo --insecure-policy copy -q --src-tls-verify=false docker://${registry}/${image} docker-archive:work/${nameOf(image)}.tar:${image}`,
        ),
        "tar -cf - work | gzip -1 > out/images.tar.gz",
      ]),
  },
  {
    name: "skopeo sync to dir, tar",
    program: "skopeo",
    command: (registry, directory) =>
      script(directory, [
        ...images.map(
          (image) =>
            `skopeo --insecure-policy sync --scoped --src-tls-verify=false --src docker --dest dir ${registry}/${image} work >&2`,
        ),
        "tar -cf out/images.tar work",
      ]),
  },
  {
    name: "hauler store add image, store save",
    program: "hauler",
    command: (registry, directory) =>
      script(directory, [
        ...images.map((image) => `hauler store add image ${registry}/${image} -s work`),
        "hauler store save -s work -f out/haul.tar.zst",
      ]),
  },
];

const releaseFile = async (directory: string, registry: string, version: keyof typeof releases): Promise<string> => {
  const file = join(directory, `${version}.json`);
  const all = releases[version].map((image) => `${registry}/${image}`);
  await writeFile(file, JSON.stringify({ name: "bench", version, images: all }));
  return file;
};

const stowage = (main: string): Tool => ({
  name: "**stowage bundle**",
  program: "node",
  async command(registry, directory) {
    const file = await releaseFile(directory, registry, "1.0.0");
    return [
      process.execPath,
      main,
      "bundle",
      file,
      "--to",
      `file:${join(directory, "out")}`,
      "--data",
      join(directory, "data"),
    ];
  },
});

/**
 * Make one file of twenty images of a real registry on disk: stowage as its built file, beside every peer on the PATH, taking
 * turns. Then what the next releases move, and whether memory grows with a bundle.
 *
 * @returns Markdown
 */
export async function run(): Promise<string> {
  const storage = await releasesOnDisk();
  const directory = await mkdtemp(join(tmpdir(), "stowage-bench-"));
  try {
    const { stowage: main } = await buildMains(directory);
    const tools = [stowage(main), ...peers.filter(({ program }) => findProgram(program) !== undefined)];
    const results = new Map(tools.map((tool) => [tool, [] as (Measure & { readonly size: number })[]]));
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [tool, measures] of results) {
        measures.push(await measureTool(tool, storage, await mkdtemp(join(directory, "round-"))));
        process.stderr.write(`round ${round}: ${tool.name}: ${measures.at(-1)!.seconds.toFixed(2)} s\n`);
      }
    }
    return [
      ...table(results),
      "",
      `${images.length} images, ${mega(sizes.unique)} MB of layers, each counted once; medians of ${ROUNDS} rounds.`,
      ...(await measureNext(main, storage, await mkdtemp(join(directory, "next-")))),
      ...(await measureGenerated(directory)),
      ...peers.flatMap((tool) => (tools.includes(tool) ? [] : [`Not on the PATH: ${tool.program}.`])),
    ].join("\n");
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function measureTool(tool: Tool, storage: string, directory: string) {
  try {
    await using registry = await startCountedRegistry(storage);
    const measure = await measured(await tool.command(registry.host, directory), environment(directory));
    return { ...measure, size: await sizeBelow(join(directory, "out")) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

const environment = (directory: string): NodeJS.ProcessEnv => ({
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  HOME: directory,
  XDG_RUNTIME_DIR: directory,
});

async function sizeBelow(directory: string): Promise<number> {
  let size = 0;
  for (const name of await readdir(directory)) size += (await stat(join(directory, name))).size;
  return size;
}

/** The same release once more, and one with a changed layer: whole, as a delta, and into a bucket that copies by itself. */
async function measureNext(main: string, storage: string, directory: string): Promise<readonly string[]> {
  await using registry = await startCountedRegistry(storage);
  await mkdir(join(directory, "out"));
  const directoryStore = { to: `file:${join(directory, "out")}`, env: {} };
  const bundle = async (version: keyof typeof releases, { to, env }: Place, ...more: readonly string[]) => {
    const file = await releaseFile(directory, registry.host, version);
    const argv = [main, "bundle", file, "--to", to, "--data", join(directory, "data"), ...more];
    const before = await moved(registry);
    const options = { env: { ...environment(directory), ...env } };
    const { stdout } = await promisify(execFile)(process.execPath, argv, options);
    return { ...(JSON.parse(stdout) as Built), read: (await moved(registry)) - before };
  };
  const first = await bundle("1.0.0", directoryStore);
  const again = await bundle("1.0.0", directoryStore);
  const next = await bundle("1.1.0", directoryStore);
  const delta = await bundle("1.1.0", directoryStore, "--base", join(directory, "out", first.key));
  const rows = [
    line("the same release again", again),
    line("one layer changed", next),
    line("one layer changed, as a delta", delta),
  ];
  if (findProgram("versitygw") !== undefined) {
    await using server = await startVersitygw();
    const bucket = { to: `s3://${server.bucket}`, env: environmentOf(server) };
    await bundle("1.0.0", bucket);
    rows.push(line("one layer changed, in a bucket of versitygw", await bundle("1.1.0", bucket)));
  }
  return [
    "",
    "| then | wall | layers moved | read from the registry | of the changed layer | copied by the store | size |",
    "|---|---|---|---|---|---|---|",
    ...rows,
  ];
}

interface Place {
  readonly to: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Built {
  readonly key: string;
  readonly size: number;
  readonly moved: number;
  readonly copied: number;
  readonly seconds: number;
}

const line = (what: string, { seconds, moved, read, copied, size }: Built & { readonly read: number }): string =>
  `| ${what} | ${seconds.toFixed(2)} s | ${mega(moved)} MB | ${mega(read)} MB | ${(moved / sizes.changed).toFixed(3)} | ${mega(copied)} MB | ${mega(size)} MB |`;

let total = 0;
async function moved(registry: CountedRegistry): Promise<number> {
  total += (await registry.traffic()).bytes;
  return total;
}

/** As one built file, as the program is: reading TypeScript takes memory of its own. */
async function measureGenerated(directory: string): Promise<readonly string[]> {
  const main = join(directory, "bundle-generated.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "bundle-generated.ts")],
    outfile: main,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["proxy-agent"],
    banner: {
      js: "import { createRequire as benchRequire } from 'node:module'; const require = benchRequire(import.meta.url);",
    },
    logLevel: "warning",
  });
  const rows: string[] = [];
  for (const gigabytes of GENERATED) {
    const { peakBytes, seconds } = await measured([process.execPath, main, `${gigabytes}`], process.env);
    rows.push(`| ${gigabytes} GB | ${mega(peakBytes)} MB | ${seconds.toFixed(1)} s |`);
  }
  return ["", "| generated bundle | peak RSS | wall |", "|---|---|---|", ...rows];
}

function table(results: ReadonlyMap<Tool, readonly (Measure & { readonly size: number })[]>): string[] {
  const rows = [...results].map(([tool, measures]) => {
    const middle = (of: (measure: Measure & { readonly size: number }) => number): number => median(measures.map(of));
    return {
      tool,
      seconds: middle(({ seconds }) => seconds),
      cpu: middle(({ cpuSeconds }) => cpuSeconds),
      peak: middle(({ peakBytes }) => peakBytes),
      size: middle(({ size }) => size),
    };
  });
  const best = Math.min(...rows.filter(({ tool }) => peers.includes(tool)).map(({ seconds }) => seconds));
  return [
    "| bundle | wall, of the best peer's | wall | CPU | peak RSS | size |",
    "|---|---|---|---|---|---|",
    ...rows.map(
      ({ tool, seconds, cpu, peak, size }) =>
        `| ${tool.name} | ${(seconds / best).toFixed(2)} | ${seconds.toFixed(2)} s | ${cpu.toFixed(2)} s | ${mega(peak)} MB | ${mega(size)} MB |`,
    ),
  ];
}

const mega = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

if (import.meta.main) process.stdout.write(`${await run()}\n`);
