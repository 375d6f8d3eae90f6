import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

/** A program that runs until it is disposed of, or this process ends. */
export interface Program extends AsyncDisposable {
  /** What the first line of its log tells in which it is found. Rejects when the program ends before. */
  told(find: (line: string) => string | undefined): Promise<string>;
  /** Waits for something to become true. Rejects when the program ends before. */
  until(check: () => Promise<boolean>): Promise<void>;
}

/** Start a program that logs to its standard error. */
export function startProgram(file: string, args: readonly string[]): Program {
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
  const kill = (): unknown => child.kill("SIGKILL");
  process.once("exit", kill);
  // read to its end, so that the program never waits for a reader
  const log = createInterface(child.stderr);
  const last: string[] = [];
  log.on("line", (line) => last.push(line) > 30 && last.shift());
  const ended = once(child, "exit").then(([code]) => `${basename(file)} ended with ${code}: ${last.join("\n")}`);
  const failed = ended.then((why) => Promise.reject(new Error(why)));
  // whoever waits for something is told; when nobody does, it is no failure
  failed.catch(() => {});

  return {
    told(find) {
      const { promise, resolve } = Promise.withResolvers<string>();
      log.on("line", (line) => {
        const found = find(line);
        if (found !== undefined) resolve(found);
      });
      return Promise.race([promise, failed]);
    },
    async until(check) {
      while (!(await Promise.race([check(), failed]))) await wait(100);
    },
    async [Symbol.asyncDispose]() {
      process.off("exit", kill);
      if (child.pid === undefined) return;
      kill();
      await ended;
    },
  };
}
