import { spawn } from "node:child_process";
import { once } from "node:events";

/** `npm run check`: format and lint, types, tests. Everything runs, whatever fails before it. */
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format and lint", "biome", "check", "."],
  ["types", "tsc", "-p", "."],
  ["tests", process.execPath, "tools/test.ts"],
];

for (const [name, command, ...args] of steps) {
  process.stderr.write(`stowage: ${name}\n`);
  const [code] = (await once(spawn(command, args, { stdio: "inherit" }), "exit")) as [number | null];
  if (code !== 0) {
    process.stderr.write(`stowage: ${name} failed\n`);
    process.exitCode = 1;
  }
}
