import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readChartOnDisk } from "../../lib/helm/index.ts";
import { writeChart } from "../fixtures/chart-directory.ts";
import { openHelm } from "../real/helm.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-charts-"));
after(() => rm(work, { recursive: true, force: true }));

test("a chart is read from its directory, from helm's archive and from a plain tar of it", async () => {
  const directory = await writeChart(
    work,
    { name: "web", version: "1.2.3" },
    {
      "charts/inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 9.9.9\n",
    },
  );
  await using helm = await openHelm();
  await helm.run("package", directory, "--destination", work);
  execFileSync("tar", ["-cf", join(work, "plain.tgz"), "-C", work, "web"]);
  // some pack what lies in the directory, without the directory
  execFileSync("tar", ["-czf", join(work, "dot.tgz"), "-C", directory, "."]);
  await helm.run("template", join(work, "dot.tgz"));
  for (const path of [directory, ...["web-1.2.3.tgz", "plain.tgz", "dot.tgz"].map((name) => join(work, name))]) {
    assert.deepEqual(await readChartOnDisk(path), { path, name: "web", version: "1.2.3" });
  }
});

const bad = async (name: string, bytes: Uint8Array | string): Promise<string> => {
  await writeFile(join(work, name), bytes);
  return join(work, name);
};

for (const [what, make] of [
  ["a file that is not there", async () => "/nowhere/x.tgz"],
  ["a file that is no archive", () => bad("text.tgz", "hello")],
  ["an empty file", () => bad("empty.tgz", "")],
  ["a gzip bomb", () => bad("bomb.tgz", gzipSync(Buffer.alloc(64 * 1024 * 1024)))],
  ["a truncated archive", () => bad("cut.tgz", gzipSync(Buffer.alloc(100_000, 1)).subarray(0, 50))],
  [
    "a directory without Chart.yaml",
    async () => {
      await mkdir(join(work, "none"), { recursive: true });
      return join(work, "none");
    },
  ],
  [
    "a Chart.yaml without version",
    async () => {
      await mkdir(join(work, "half"), { recursive: true });
      await writeFile(join(work, "half", "Chart.yaml"), "name: half\n");
      return join(work, "half");
    },
  ],
  [
    "a Chart.yaml that is an alias bomb",
    async () => {
      await mkdir(join(work, "alias"), { recursive: true });
      const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
      for (let i = 1; i < 9; i++)
        lines.push(
          `a${i}: &a${i} [${Array(9)
            .fill(`*a${i - 1}`)
            .join(", ")}]`,
        );
      await writeFile(join(work, "alias", "Chart.yaml"), lines.join("\n"));
      return join(work, "alias");
    },
  ],
] as const) {
  test(`readChartOnDisk() refuses ${what}, naming the path`, async () => {
    const path = await make();
    await assert.rejects(readChartOnDisk(path), (error: Error & { code: string; disposition: string }) => {
      assert.equal(error.code, "CHART_INVALID");
      assert.equal(error.disposition, "reject");
      assert.ok(error.message.includes(path), error.message);
      return true;
    });
  });
}
