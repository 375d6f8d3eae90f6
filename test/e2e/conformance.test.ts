import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { findProgram } from "../real/programs.ts";

/**
 * The suite of distribution-spec v1.1 as one program. Its Go module has no tagged version, so nothing here fetches it: whoever
 * has the program names it, and even under CI=true its absence is no failure.
 */
const suite = process.env["OCI_CONFORMANCE"] ?? findProgram("conformance.test");

function requiringSuite(): { readonly skip?: string } {
  if (suite !== undefined) return {};
  const readme = "https://github.com/opencontainers/distribution-spec/blob/v1.1.1/conformance/README.md";
  const hint = `needs the conformance suite of distribution-spec v1.1, named by OCI_CONFORMANCE: ${readme}`;
  process.stderr.write(`SKIPPED: ${hint}\n`);
  return { skip: hint };
}

const workflows = ["PULL", "PUSH", "CONTENT_DISCOVERY", "CONTENT_MANAGEMENT"] as const;

test(
  "the embedded registry passes the OCI distribution conformance suite, all four workflows",
  requiringSuite(),
  async () => {
    await using registry = await startEmbeddedRegistry();
    const reports = await mkdtemp(join(tmpdir(), "stowage-conformance-"));
    try {
      const env = {
        OCI_ROOT_URL: `http://${registry.host}`,
        OCI_NAMESPACE: "conformance/one",
        OCI_CROSSMOUNT_NAMESPACE: "conformance/two",
        // nothing is mounted without being told from where
        OCI_AUTOMATIC_CROSSMOUNT: "0",
        OCI_REPORT_DIR: reports,
        ...Object.fromEntries(workflows.map((name) => [`OCI_TEST_${name}`, "1"])),
      };
      const ended = await promisify(execFile)(suite!, [], { env, cwd: reports }).catch((error: unknown) => error);
      const report = await readFile(join(reports, "junit.xml"), "utf8");
      assert.deepEqual(failuresOf(report), [], String(ended));
      assert.ok(!(ended instanceof Error), String(ended));
      const { tests, skipped, failures, errors } = totalsOf(report);
      assert.deepEqual([failures, errors], [0, 0]);
      // left out are ways to prepare a registry that cannot be pushed to, and the opposite of the setting above
      assert.ok(tests - skipped >= 75, `only ${tests - skipped} of ${tests} tests ran`);
    } finally {
      await rm(reports, { recursive: true, force: true });
    }
  },
);

/** https://github.com/testmoapp/junitxml: the names of test cases with a failure or an error. */
const failuresOf = (report: string): readonly string[] =>
  [...report.matchAll(/<testcase name="([^"]*)"[^>]*>(?:(?!<\/testcase>)[\s\S])*?<(?:failure|error)\b/g)].map(
    ([, name]) => name!,
  );

function totalsOf(report: string) {
  const [head = ""] = /<testsuites?\b[^>]*>/.exec(report) ?? [];
  const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  return {
    tests: count("tests"),
    skipped: count("disabled") + count("skipped"),
    failures: count("failures"),
    errors: count("errors"),
  };
}
