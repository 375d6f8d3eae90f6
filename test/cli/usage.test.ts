import assert from "node:assert/strict";
import { test } from "node:test";
import { stowage } from "./harness.ts";

test("--help lists every verb on stdout", async () => {
  const { status, stdout } = await stowage(["--help"]);
  assert.equal(status, 0);
  for (const verb of ["up", "send", "run", "images", "copy", "index", "bundle", "verify"]) {
    assert.match(stdout, new RegExp(`^  stowage ${verb} `, "m"));
    assert.match((await stowage([verb, "--help"])).stdout, new RegExp(`^Usage: stowage ${verb} `));
  }
});

for (const [what, args] of [
  ["no verb", []],
  ["an unknown verb", ["fly"]],
  ["a verb that is a property of objects", ["constructor"]],
  ["an unknown option", ["images", "--colour", "x"]],
  ["an option without value", ["up", "--port"]],
  ["too many arguments", ["verify", "a", "b"]],
  ["too few arguments", ["bundle"]],
  ["a port that is none", ["up", "--port", "70000"]],
  ["a port that is no number", ["up", "--registry-port", "x"]],
  ["a format that is none", ["images", "x", "--format", "xml"]],
  ["--optional for manifests", ["images", "--manifests", "x", "--optional"]],
  ["two kinds of input at once", ["images", "--placeholders", "--manifests", "x"]],
  ["values for placeholders", ["images", "--placeholders", "x", "--values", "a.yaml"]],
  ["a transport that is not there", ["copy", "containers-storage:a", "oci:b:1"]],
  ["a tag that is none", ["copy", "registry-tree:a/b:-", "oci:b:1"]],
  ["a place that is none", ["copy", "nginx", "oci:b:1"]],
  ["one place only", ["copy", "oci:a:1"]],
  ["values for plain manifests", ["images", "--manifests", "x", "--set", "a=b"]],
  ["a registry that is none", ["index", "https://x"]],
  ["a function that is not there", ["run", "fly", "--event", "-"]],
  ["no event", ["run", "bury"]],
  ["an event file that is not there", ["run", "bury", "--event", "/nowhere/x"]],
  ["data that is no JSON", ["send", "a.b", "--data", "{"]],
  ["a data file that is not there", ["send", "a.b", "--data", "@/nowhere/x"]],
  ["an extension without value", ["send", "a.b", "--ext", "task"]],
  ["an extension in upper case", ["send", "a.b", "--ext", "Task=x"]],
  ["a URL that is none", ["send", "a.b", "--to", "ftp://x"]],
  ["a release file that is not there", ["bundle", "/nowhere/x.yaml"]],
  ["a bundle that is not there", ["verify", "/nowhere/x.tar.gz"]],
] as const) {
  test(`${what} is a usage error: status 2, the reason first, nothing on stdout`, async () => {
    const { status, stdout, stderr } = await stowage(args);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /Usage: stowage/);
    assert.doesNotMatch(stderr, /^ {4}at /m);
  });
}

test("a failure is status 1 with one line that says what and why, and the code", async () => {
  const { status, stderr } = await stowage(["images", "/nowhere/chart.tgz"]);
  assert.equal(status, 1);
  assert.equal(stderr, 'stowage images: Cannot read chart "/nowhere/chart.tgz": ENOENT (CHART_INVALID)\n');
});

test("a configuration that is not valid stops every verb that reads it", async () => {
  for (const args of [["images", "x"], ["index", "docker://127.0.0.1:1"], ["copy", "oci:a:1", "oci:b:1"], ["up"]]) {
    const { status, stderr } = await stowage([...args, "--config", "/nowhere/stowage.yaml"]);
    assert.equal(status, 1);
    assert.match(stderr, /CONFIG_INVALID/);
  }
});

test("the host is told once that a verb is loaded, before it begins, and of no verb that is not", async () => {
  let told = 0;
  const onLoaded = (): void => void told++;
  await stowage(["images", "--help"], { onLoaded });
  await stowage(["nonsense"], { onLoaded });
  assert.equal(told, 0);
  const { status } = await stowage(["images"], { onLoaded });
  assert.deepEqual([status, told], [2, 1]);
});
