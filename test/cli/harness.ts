import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { functions } from "../../functions/index.ts";
import { main } from "../../lib/cli/index.ts";
import { collectingLog } from "../functions/harness.ts";

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Given {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Run the command line in this process, as bin/stowage.ts would. */
export async function stowage(args: readonly string[], { stdin = "", env = {}, signal }: Given = {}): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const both = Promise.all([text(stdout), text(stderr)]);
  const status = await main(args, {
    env: { HOME: "/nowhere", ...env },
    stdin: Readable.from([stdin]),
    stdout,
    stderr,
    log: collectingLog(),
    functions,
    triggers: "triggers",
    signal: signal ?? new AbortController().signal,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await both;
  return { status, stdout: out, stderr: err };
}
