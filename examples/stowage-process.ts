import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Ready {
  readonly url: string;
  readonly broker: string;
  readonly charts: string;
  /** `127.0.0.1:PORT` */
  readonly registry: string;
  readonly hooks: string;
}

/** One run of a function, as the log of `stowage up` reports it. */
export interface Ran {
  readonly function: string;
  readonly type: string;
  readonly subject?: string;
  readonly status: number;
  readonly ms: number;
  readonly reply?: string;
  readonly reason?: string;
}

export interface StowageProcess extends AsyncDisposable {
  readonly ready: Ready;
  readonly child: ChildProcess;
}

/**
 * Start `stowage up` on free loopback ports and wait until it is ready.
 *
 * @param onRan told of every function that ran, in order
 * @param env variables besides those of this process
 */
export async function startStowage(
  args: readonly string[],
  onRan: (ran: Ran) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<StowageProcess> {
  const main = join(import.meta.dirname, "..", "bin", "stowage.ts");
  const child = spawn(process.execPath, [main, "up", "--port", "0", "--registry-port", "0", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const unread: string[] = [];
  createInterface(child.stderr).on("line", (line) => {
    const entry = parse(line);
    if (entry?.["msg"] === "ran") onRan(entry as unknown as Ran);
    else unread.push(line);
  });
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`stowage up ended with status ${code}: ${unread.join("\n")}`)));
    createInterface(child.stdout).once("line", (line) => resolve(JSON.parse(line) as Ready));
  });
  return {
    ready,
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // a line of plain text is shown when the process fails
  }
}
