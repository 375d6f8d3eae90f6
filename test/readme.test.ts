import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { runStowage } from "./e2e/stowage.ts";
import { ensureHelm } from "./real/helm.ts";
import { findProgram, requiring } from "./real/programs.ts";

const root = dirname(import.meta.dirname);
const readme = readFileSync(join(root, "README.md"), "utf8");
const commands = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => block!.trimEnd().split("\n"));
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };

test("every npm script that the README names is there", () => {
  for (const [, name] of readme.matchAll(/npm (?:run (?:--silent )?)?([a-z]+)/g)) {
    if (!["registry", "will", "do"].includes(name!)) assert.ok(name! in scripts || name === "run", name);
  }
});

test("every command of the README runs, in its order", requiring("curl"), async () => {
  // these are the whole, not parts: the demo has a test of its own, and this is the tests
  const apart = ["npm run demo", "npm test", "npm start"];
  assert.deepEqual(
    apart.filter((command) => !commands.includes(command)),
    [],
  );
  const work = await mkdtemp(join(tmpdir(), "stowage-readme-"));
  await using stowage = await runStowage();
  const { url, registry } = stowage.ready;
  try {
    await mkdir(join(work, "pulled"));
    const helm = dirname(await ensureHelm());
    const env = { ...process.env, HOME: work, PATH: `${helm}:${process.env["PATH"]}` };
    for (const command of commands.filter((each) => !apart.includes(each))) {
      if (command.startsWith("helm repo add"))
        await stowage.ran((ran) => ran.reply?.includes("index.updated") ?? false);
      const here = command
        .replaceAll("http://127.0.0.1:8080", url)
        .replaceAll("127.0.0.1:5000", registry)
        .replaceAll("localhost:5000", registry.replace("127.0.0.1", "localhost"))
        .replaceAll("/tmp/stowage-readme", work)
        .replace("stowage -- send", `stowage -- send --to ${url}/`)
        .replace("npm run --silent stowage --", `${process.execPath} ${join(root, "bin/stowage.ts")}`);
      const { stdout } = await promisify(execFile)("sh", ["-c", here], { cwd: root, env }).catch((error: Error) => {
        throw new Error(`${command}: ${error.message}`);
      });
      if (command.startsWith("curl")) assert.equal(stdout.trim(), "202", command);
    }
    await stowage.ran((ran) => ran.function === "build-bundle" && ran.status === 200);
    assert.ok(findProgram("sh"));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
});
