import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { freePort } from "../test/real/free-port.ts";
import { buildMains } from "../tools/build.ts";

const root = dirname(import.meta.dirname);
const ROUNDS = 15;

/** Something that answers a CloudEvent on `$PORT`. */
interface Contender {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The emptiest function there can be, under the framework's own CloudEvent signature. */
const EMPTY = `
const functions = require("@google-cloud/functions-framework");
functions.cloudEvent("empty", async () => {});
`;
/** Started as the framework's documentation starts a server of one's own: its command cannot be bundled. */
const EMPTY_SERVER = `${EMPTY}
require("@google-cloud/functions-framework/testing").getTestServer("empty").listen(Number(process.env.PORT));
process.once("SIGTERM", () => process.exit(0));
`;

/** As an ES module the same file starts later. */
const ONE_FILE = { bundle: true, minify: true, platform: "node", target: "node24", format: "cjs" } as const;

/**
 * Time from the start of a process to its answer to the first event: a function of stowage from its bundle, beside an
 * empty function of the functions framework, bundled into one file and as its command runs it. Runs take turns, so that
 * whatever else the machine does falls on all of them.
 *
 * @returns a Markdown table of medians
 */
export async function run(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-bench-"));
  try {
    const contenders = await prepare(directory);
    const times = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
    for (let round = 0; round <= ROUNDS; round++) {
      for (const contender of contenders) {
        // the first round fills the caches: those of the disk, and compile caches, which are written at a regular end
        const milliseconds = await measure(contender, round === 0 ? "SIGTERM" : "SIGKILL");
        if (round > 0) times.get(contender)?.push(milliseconds);
      }
    }
    const base = median(times.get(contenders[0]!)!);
    const rows = contenders.map((contender) => {
      const middle = median(times.get(contender)!);
      return `| ${contender.name} | ${(middle / base).toFixed(2)} | ${Math.round(middle)} ms |`;
    });
    return ["| first event answered | ratio | median |", "|---|---|---|", ...rows].join("\n");
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function prepare(directory: string): Promise<readonly Contender[]> {
  const { knative: stowage } = await buildMains(directory);
  const empty = join(directory, "empty.cjs");
  await build({ ...ONE_FILE, stdin: { contents: EMPTY_SERVER, resolveDir: root }, outfile: empty });
  const source = join(directory, "source");
  await mkdir(source);
  await writeFile(join(source, "index.js"), EMPTY.replace('"@google', `"${root}/node_modules/@google`));
  const command = join(root, "node_modules/@google-cloud/functions-framework/build/src/main.js");
  const cache = { NODE_COMPILE_CACHE: join(directory, "cache") };
  const bury = { FUNCTION_TARGET: "bury", STOWAGE_STORE: "memory:", LOG_LEVEL: "silent" };
  return [
    { name: "functions framework, empty function, bundled", args: [empty] },
    {
      name: "functions framework, empty function, its command",
      args: [command, `--source=${source}`, "--target=empty"],
    },
    { name: "**stowage, `bury`, bundled**", args: [stowage], env: bury },
    { name: "functions framework, bundled, compile cache", args: [empty], env: cache },
    { name: "**stowage, bundled, compile cache**", args: [stowage], env: { ...bury, ...cache } },
  ];
}

async function measure({ args, env = {} }: Contender, end: NodeJS.Signals): Promise<number> {
  const port = await freePort();
  const started = performance.now();
  const child = spawn(process.execPath, [...args], {
    env: { PATH: process.env["PATH"], HOME: tmpdir(), PORT: String(port), ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  try {
    for (;;) {
      const status = await post(port);
      if (status === 204) return performance.now() - started;
      if (status !== undefined) throw new Error(`Cannot measure: answered ${status}`);
      if (child.exitCode !== null) throw new Error(`Cannot measure: ended with ${child.exitCode}`);
      await sleep(1);
    }
  } finally {
    child.kill(end);
    await ended;
  }
}

const HEADERS = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/bench",
  "ce-type": "dev.stowage.bench",
  "content-type": "application/json",
};

/** @returns undefined while nobody listens */
function post(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const client = request({ port, host: "127.0.0.1", method: "POST", agent: false, headers: HEADERS }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode));
    });
    client.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNREFUSED" ? resolve(undefined) : reject(error),
    );
    client.end("{}");
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

if (import.meta.main) process.stdout.write(`${await run()}\n`);
