import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../test/real/programs.ts";

/** What a command took, with all processes below it. */
export interface Measure {
  readonly seconds: number;
  /** User and system. */
  readonly cpuSeconds: number;
  /** Of the largest of its processes. */
  readonly peakBytes: number;
}

const LAST_WORDS = 2000;

/**
 * Run a command and measure it with GNU time, which asks the kernel when all has ended.
 *
 * @throws Error with the end of what it said, when it fails
 */
export async function measured(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Measure> {
  const time = findProgram("time");
  if (time === undefined) throw new Error("Cannot measure: needs GNU time: apt-get install time");
  const work = await mkdtemp(join(tmpdir(), "stowage-measured-"));
  const file = join(work, "time");
  try {
    const started = performance.now();
    const child = spawn(time, ["-o", file, "-f", "%U %S %M", ...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said = `${said}${text}`.slice(-LAST_WORDS);
      });
    }
    const [code] = (await once(child, "close")) as [number | null];
    const seconds = (performance.now() - started) / 1000;
    if (code !== 0) throw new Error(`Cannot measure ${argv.join(" ").slice(0, 200)}: it ended with ${code}: ${said}`);
    const [user = 0, system = 0, peak = 0] = (await readFile(file, "utf8")).trim().split(" ").map(Number);
    return { seconds, cpuSeconds: user + system, peakBytes: peak * 1024 };
  } finally {
    await rm(work, { recursive: true });
  }
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
