import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { functions } from "../../functions/index.ts";
import { main } from "../../lib/cli/index.ts";
import { collectingLog, type LogLine } from "../functions/harness.ts";

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly log: readonly LogLine[];
}

export interface Given {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Directory of trigger files; default: the project's. */
  readonly triggers?: string;
  readonly onLoaded?: () => void;
  /** Called when something appears on standard output. */
  readonly onOutput?: () => void;
}

/** Run the command line in this process, as bin/stowage.ts would. */
export async function stowage(args: readonly string[], given: Given = {}): Promise<Ended> {
  const { stdin = "", env = {}, signal, triggers = "triggers", onLoaded, onOutput } = given;
  const log = collectingLog();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  if (onOutput) stdout.once("data", onOutput);
  const both = Promise.all([text(stdout), text(stderr)]);
  const status = await main(args, {
    env: { HOME: "/nowhere", ...env },
    stdin: Readable.from([stdin]),
    stdout,
    stderr,
    log: async () => log,
    functions,
    triggers,
    ...(onLoaded && { onLoaded }),
    signal: signal ?? new AbortController().signal,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await both;
  return { status, stdout: out, stderr: err, log: log.lines };
}
