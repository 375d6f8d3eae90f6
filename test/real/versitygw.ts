import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Keys } from "../fakes/object-service/signatures.ts";
import { freePort } from "./free-port.ts";
import { findProgram } from "./programs.ts";

/** An S3 server that others wrote, with an empty bucket. */
export interface S3Server extends AsyncDisposable {
  readonly kind: "s3";
  readonly endpoint: string;
  readonly bucket: string;
  readonly keys: Keys;
}

const bucket = "releases";

/** versitygw over a directory: `go install github.com/versity/versitygw/cmd/versitygw@latest`. */
export async function startVersitygw(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-versitygw-"));
  await mkdir(join(directory, "data", bucket), { recursive: true });
  await mkdir(join(directory, "meta"));
  const keys = { accessKeyId: "test", accessKeySecret: "test-secret" };
  const port = await freePort();
  const child = spawn(
    "versitygw",
    [
      "--port",
      `127.0.0.1:${port}`,
      "--region",
      "eu-central-1",
      "posix",
      "--sidecar",
      join(directory, "meta"),
      join(directory, "data"),
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.accessKeySecret },
    },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    await rm(directory, { recursive: true, force: true });
  };
  for (let attempt = 0; !(await answers(endpoint)); attempt++) {
    if (attempt === 200 || child.exitCode !== null) {
      await dispose();
      throw new Error("versitygw did not start");
    }
    await wait(50);
  }
  return { kind: "s3", endpoint, bucket, keys, [Symbol.asyncDispose]: dispose };
}

const answers = (endpoint: string): Promise<boolean> =>
  fetch(endpoint).then(
    async (response) => {
      await response.arrayBuffer();
      return true;
    },
    () => false,
  );

/** Options for a test that needs it. No package has it, so it is not asked for under CI=true either. */
export function requiringVersitygw(): { readonly skip?: string } {
  if (findProgram("versitygw") !== undefined) return {};
  const hint = "needs versitygw: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0";
  process.stderr.write(`SKIPPED: ${hint}\n`);
  return { skip: hint };
}
