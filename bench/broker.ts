import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { openLedger } from "../lib/ledger/index.ts";
import { defineHttpFunction, defineSink, type Log } from "../lib/runtime/index.ts";
import { parseTriggers, startLocal } from "../lib/runtime/local/index.ts";
import { openStore } from "../lib/store/index.ts";

const EVENTS = 5000;
const POSTERS = 32;
const ROUNDS = 5;

/** Per second. */
interface Rates {
  readonly accepted: number;
  readonly delivered?: number;
}

/**
 * Events per second that the embedded broker accepts for good (202 means on disk), and that it delivers to an empty
 * function, also with an entry in the ledger for each run, beside a bare HTTP server that writes every body to a file of its
 * own and syncs it. Servers run in processes
 * of their own and take turns; {@linkcode POSTERS} connections post to them at once.
 *
 * @returns a Markdown table of medians
 */
export async function run(): Promise<string> {
  const bare: Rates[] = [];
  const broker: Rates[] = [];
  const ledger: Rates[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await measure("bare"));
    broker.push(await measure("broker"));
    ledger.push(await measure("ledger"));
  }
  const base = median(bare.map(({ accepted }) => accepted));
  const row = (name: string, rate: number): string => `| ${name} | ${(rate / base).toFixed(2)} | ${Math.round(rate)} |`;
  return [
    "| events a second | ratio | median |",
    "|---|---|---|",
    row("bare node:http, one synced file a body", base),
    row("**embedded broker, accepted**", median(broker.map(({ accepted }) => accepted))),
    row("**embedded broker, delivered**", median(broker.map(({ delivered = 0 }) => delivered))),
    row("**embedded broker, delivered, each run in the ledger**", median(ledger.map(({ delivered = 0 }) => delivered))),
  ].join("\n");
}

async function measure(server: "bare" | "broker" | "ledger"): Promise<Rates> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-bench-"));
  const child = spawn(process.execPath, [import.meta.filename, server, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const url = await firstLine(child);
    const agent = new Agent({ keepAlive: true, maxSockets: POSTERS });
    let next = 0;
    const started = performance.now();
    const poster = async (): Promise<void> => {
      while (next < EVENTS) await post(url, agent, event(next++));
    };
    await Promise.all(Array.from({ length: POSTERS }, poster));
    const accepted = EVENTS / ((performance.now() - started) / 1000);
    if (server === "bare") return { accepted };
    await post(`${url}/idle`, agent, "");
    agent.destroy();
    return { accepted, delivered: EVENTS / ((performance.now() - started) / 1000) };
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    await rm(directory, { recursive: true });
  }
}

const firstLine = async (child: ChildProcess): Promise<string> => {
  const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
  return line;
};

/** About one KiB, as the events of stowage are. */
const event = (id: number): string =>
  JSON.stringify({
    specversion: "1.0",
    id: String(id),
    source: "/bench",
    type: "dev.stowage.bench",
    time: "2026-11-21T00:00:00Z",
    data: { filler: "x".repeat(900) },
  });

function post(url: string, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/cloudevents+json", "content-length": Buffer.byteLength(body) };
    const client = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 202) resolve();
        else reject(new Error(`Cannot measure: answered ${response.statusCode}`));
      });
    });
    client.once("error", reject).end(body);
  });
}

/** What somebody would write who wants to lose nothing and has no broker. */
async function serveBare(directory: string): Promise<string> {
  let count = 0;
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const file = await open(join(directory, `${count++}.json`), "wx");
    await file.writeFile(body);
    await file.sync();
    await file.close();
    response.writeHead(202).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveBroker(directory: string, isKept: boolean): Promise<string> {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const empty = defineSink({ name: "empty", needs: [], run: async () => {} });
  const idle = defineHttpFunction({
    name: "idle",
    paths: ["/idle"],
    needs: [],
    answer: async () => {
      await local.broker.idle();
      return { status: 202 };
    },
  });
  const text = `
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: empty }
spec:
  broker: bench
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: empty } }
`;
  const store = openStore(`file:${join(directory, "store")}`);
  const ledger = isKept ? openLedger(() => store, log) : undefined;
  const local = await startLocal({
    functions: { empty: async () => ({ default: empty }), idle: async () => ({ default: idle }) },
    wiring: parseTriggers([{ name: "bench.yaml", text }]),
    directory,
    port: 0,
    log,
    compose: () => ({ log, ledger, ports: async () => ({}) as never }),
  });
  return local.url;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

if (import.meta.main) {
  const [mode, directory = ""] = process.argv.slice(2);
  if (mode === "bare") process.stdout.write(`${await serveBare(directory)}\n`);
  else if (mode === "broker" || mode === "ledger") {
    process.stdout.write(`${await serveBroker(directory, mode === "ledger")}\n`);
  } else process.stdout.write(`${await run()}\n`);
}
