import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { Agent, get, type OutgoingHttpHeaders } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { IndexReader, textKey, wholeScope } from "../lib/helm/index.ts";
import { openStore } from "../lib/store/index.ts";
import { freePort } from "../test/real/free-port.ts";
import { findProgram } from "../test/real/programs.ts";

const SECONDS = Number(process.env["STOWAGE_BENCH_SECONDS"] ?? 5);
const CONNECTIONS = 8;

/** Something that serves an index.yaml. */
interface Server {
  readonly name: string;
  /** Of the index, whole. */
  readonly url: string;
  readonly child: ChildProcess;
}

/** What came of asking for one thing again and again. */
interface Load {
  readonly perSecond: number;
  /** Of one answer's body, as it was sent. */
  readonly bytes: number;
  readonly status: number;
}

const kinds: readonly { readonly name: string; headers(etag: string): OutgoingHttpHeaders }[] = [
  { name: "whole", headers: () => ({}) },
  { name: "gzip", headers: () => ({ "accept-encoding": "gzip" }) },
  { name: "304", headers: (etag) => ({ "if-none-match": etag }) },
];

/**
 * `GET /index.yaml` of an index that lies in a file store: serve-charts as its built file, beside what serves the same
 * index as a file, and ChartMuseum over the same charts as files, where they are installed. Eight connections ask as fast as
 * they are answered, from a process that takes one of the machine's cores at most.
 *
 * @param main built from bin/knative.ts
 * @param archives the same charts as files
 * @returns Markdown
 */
export async function measureServing(
  main: string,
  store: string,
  archives: string,
  work: string,
): Promise<readonly string[]> {
  const servers: (() => Promise<Server | undefined>)[] = [
    () => startStowage(main, store),
    () => startBusybox(store, join(work, "static")),
    () => startChartMuseum(archives),
  ];
  const rows: string[] = [];
  for (const start of servers) {
    const server = await start();
    if (server === undefined) continue;
    try {
      rows.push(await measureServer(server));
    } finally {
      server.child.kill("SIGKILL");
    }
  }
  return [
    `\`GET /index.yaml\`, ${CONNECTIONS} connections, ${SECONDS} s each: requests a second, and bytes of each answer.`,
    "",
    "| | first answer | whole | gzip | 304 | peak RSS |",
    "|---|---|---|---|---|---|",
    ...rows,
  ];
}

async function measureServer({ name, url, child }: Server): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const started = performance.now();
    const first = await ask(url, agent, {});
    const cold = performance.now() - started;
    const loads: string[] = [];
    for (const kind of kinds) {
      const load = await measureLoad(url, agent, kind.headers(first.etag));
      const isMeant = (load.status === 304) === (kind.name === "304");
      process.stderr.write(`${name}: ${kind.name}: ${load.perSecond.toFixed(1)}/s of ${load.bytes} bytes\n`);
      loads.push(isMeant ? `${load.perSecond.toFixed(load.perSecond < 100 ? 1 : 0)}/s, ${sizeText(load.bytes)}` : "no");
    }
    return `| ${name} | ${Math.round(cold)} ms | ${loads.join(" | ")} | ${sizeText(await peakOf(child.pid!))} |`;
  } finally {
    agent.destroy();
  }
}

async function measureLoad(url: string, agent: Agent, headers: OutgoingHttpHeaders): Promise<Load> {
  let answers = 0;
  let last = await ask(url, agent, headers);
  const started = performance.now();
  const end = started + SECONDS * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      last = await ask(url, agent, headers);
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const seconds = (performance.now() - started) / 1000;
  return { perSecond: answers / seconds, bytes: last.bytes, status: last.status };
}

function ask(
  url: string,
  agent: Agent,
  headers: OutgoingHttpHeaders,
): Promise<{ readonly status: number; readonly bytes: number; readonly etag: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof ask>>>();
  const request = get(url, { agent, headers }, (response) => {
    let bytes = 0;
    response.on("data", (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
    });
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, bytes, etag: response.headers.etag ?? "" }));
  });
  request.on("error", reject);
  return promise;
}

async function startStowage(main: string, store: string): Promise<Server> {
  const env = { FUNCTION_TARGET: "serve-charts", PORT: "0", STOWAGE_STORE: `file:${store}`, PATH: process.env["PATH"] };
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface(child.stderr)) {
    const { msg, url } = JSON.parse(line) as { readonly msg: string; readonly url?: string };
    if (msg === "ready") return { name: "**stowage serve-charts**", url: `${url}/index.yaml`, child };
  }
  throw new Error("Cannot measure: serve-charts did not start");
}

/** The newest texts as files in a directory. */
async function startBusybox(store: string, directory: string): Promise<Server | undefined> {
  const program = findProgram("busybox");
  if (program === undefined) return undefined;
  const head = await new IndexReader(await openStore(`file:${store}`)).head();
  await mkdir(directory, { recursive: true });
  for (const name of ["index.yaml", "index.yaml.gz"] as const) {
    await copyFile(join(store, textKey(wholeScope.root, head!.number, name)), join(directory, name));
  }
  const port = await freePort();
  const args = ["httpd", "-f", "-p", `127.0.0.1:${port}`, "-h", directory];
  const child = spawn(program, args, { stdio: "ignore" });
  return reachable({
    name: "busybox httpd, a file (no keep-alive)",
    url: `http://127.0.0.1:${port}/index.yaml`,
    child,
  });
}

async function startChartMuseum(archives: string): Promise<Server | undefined> {
  const program = findProgram("chartmuseum");
  if (program === undefined) return undefined;
  const port = await freePort();
  const args = ["--port", String(port), "--storage", "local", "--storage-local-rootdir", archives];
  const child = spawn(program, args, { stdio: "ignore" });
  return reachable({ name: "chartmuseum", url: `http://127.0.0.1:${port}/index.yaml`, child });
}

async function reachable(server: Server): Promise<Server> {
  for (let tries = 0; tries < 600; tries++) {
    if (server.child.exitCode !== null) break;
    try {
      await fetch(new URL("/", server.url));
      return server;
    } catch {
      await sleep(100);
    }
  }
  server.child.kill("SIGKILL");
  throw new Error(`Cannot measure: ${server.name} did not start`);
}

/** What the kernel says of a process that runs. */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

const sizeText = (bytes: number): string =>
  bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
