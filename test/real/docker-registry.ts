import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Its storage tree: `<directory>/docker/registry/v2`. */
  readonly directory: string;
  readonly pid: number;
}

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly status: number;
  /** Of the answer's body. */
  readonly bytes: number;
}

export interface DockerRegistryOptions {
  /** Where notifications go, with the headers they carry. */
  readonly notify?: { readonly url: string; readonly headers?: Readonly<Record<string, string>> };
  /** Storage to serve instead of a fresh, empty one; it is not removed afterwards. */
  readonly directory?: string;
  /** Lines for an htpasswd file: basic auth. */
  readonly htpasswd?: string;
  /** Told of every request, from the registry's own log. */
  readonly onRequest?: (request: AnsweredRequest) => void;
}

/** Start Debian's docker-registry (distribution 2.8) on a free loopback port. Ends and removes itself on disposal. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const work = await mkdtemp(join(tmpdir(), "stowage-registry-"));
  const directory = options.directory ?? join(work, "data");
  if (options.htpasswd !== undefined) await writeFile(join(work, "htpasswd"), options.htpasswd);
  const config = {
    version: "0.1",
    log: { level: "info", formatter: "json" },
    storage: { filesystem: { rootdirectory: directory }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0", secret: "test" },
    ...(options.htpasswd && { auth: { htpasswd: { realm: "test", path: join(work, "htpasswd") } } }),
    ...(options.notify && {
      // as docs/webhooks.md says
      notifications: {
        events: { includereferences: true },
        endpoints: [
          {
            name: "stowage",
            url: options.notify.url,
            headers: Object.fromEntries(Object.entries(options.notify.headers ?? {}).map(([k, v]) => [k, [v]])),
            timeout: "2s",
            threshold: 5,
            backoff: "100ms",
            ignore: { mediatypes: ["application/octet-stream"], actions: ["pull", "mount"] },
          },
        ],
      },
    }),
  };
  const file = join(work, "config.yml");
  await writeFile(file, stringify(config));
  const child = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "ignore", "pipe"] });
  const host = await new Promise<string>((resolve, reject) => {
    const seen: string[] = [];
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`docker-registry ended with ${code}: ${seen.join("\n")}`)));
    createInterface(child.stderr).on("line", (line) => {
      if (seen.length < 50) seen.push(line);
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (address) resolve(address);
      if (options.onRequest && line.includes('"http.response.written"')) options.onRequest(answeredRequest(line));
    });
  });
  return {
    host,
    directory,
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }
      await rm(work, { recursive: true, force: true });
    },
  };
}

interface LogEntry {
  readonly "http.request.method": string;
  readonly "http.request.uri": string;
  readonly "http.response.status": number;
  readonly "http.response.written": number;
}

function answeredRequest(line: string): AnsweredRequest {
  const entry = JSON.parse(line) as LogEntry;
  const { "http.request.method": method, "http.request.uri": path } = entry;
  const { "http.response.status": status, "http.response.written": written } = entry;
  // it also counts what a HEAD would have had
  return { method, path, status, bytes: method === "HEAD" ? 0 : written };
}
