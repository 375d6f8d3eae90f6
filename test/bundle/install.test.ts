import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { findProgram, requiring } from "../real/programs.ts";
import { HOST, openWorkshop, type Workshop } from "./workshop.ts";

/** What every host has, however bare. */
const BASICS = ["sh", "basename", "dirname", "cat", "cut", "dd", "grep", "head", "mkdir", "mktemp", "mv", "rm", "sed"];
const MORE = ["sleep", "sort", "tar", "gunzip", "gzip", "chmod"];

let shop: Workshop;
let bin: string;
const images = [`${HOST}/demo/web:1`, `${HOST}/demo/db:1`];
const trees: Record<string, string> = {};
before(async () => {
  shop = await openWorkshop();
  for (const name of ["demo/web:1", "demo/db:1"]) await shop.push(name);
  for (const form of ["archive", "per-image", "registry-tree"]) {
    trees[form] = join(await shop.unpacked({ name: "b", version: "1", images, form }), "b-1");
  }
  bin = await binWith("sha256sum");
});
after(() => shop[Symbol.asyncDispose]());

/** A directory for PATH that has nothing but the basics and these. */
async function binWith(...names: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(shop.directory, "bin-"));
  for (const name of [...BASICS, ...MORE, ...names]) {
    const program = findProgram(name);
    if (program !== undefined) await symlink(program, join(directory, name));
  }
  return directory;
}

/** A program that writes down how it was called, and what came on its input where it reads any. */
async function recording(directory: string, name: string): Promise<string> {
  const log = join(directory, `${name}.log`);
  const lines = [
    "#!/bin/sh",
    `for each in "$@"; do printf '<%s>' "$each" >>'${log}'; done`,
    `[ "$5" != - ] || { printf ' %s' "$(head -c 10 | sed 's/oci-layout.*/tar/')" >>'${log}'; cat >/dev/null; }`,
    `echo >>'${log}'`,
  ];
  await writeFile(join(directory, name), `${lines.join("\n")}\n`, { mode: 0o755 });
  return log;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function install(directory: string, args: readonly string[], given: Given = {}): Promise<Ended> {
  const { path = bin, shell = ["sh"] } = given;
  const [program = "", ...rest] = shell;
  const child = spawn(program, [...rest, join(directory, "install.sh"), ...args], {
    env: { PATH: path, HOME: shop.directory, TMPDIR: shop.directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: child.exitCode, stdout, stderr };
}
interface Given {
  readonly path?: string;
  readonly shell?: readonly string[];
}

const shells = [["dash"], ["busybox", "sh"], ["bash", "--posix"]].filter(([name = ""]) => findProgram(name));

for (const shell of shells) {
  describe(`install.sh under ${shell.join(" ")}`, () => {
    const program = findProgram(shell[0]!)!;
    const given = { shell: [program, ...shell.slice(1)] };

    test("verify accepts a bundle that is as it was made", async () => {
      for (const tree of Object.values(trees)) {
        const { status, stderr } = await install(tree, ["verify"], given);
        assert.equal(status, 0, stderr);
      }
    });

    test("list prints the images", async () => {
      const { stdout } = await install(trees["archive"]!, ["list"], given);
      assert.deepEqual(stdout.trim().split("\n").sort(), [...images].sort());
    });

    test("load gives every archive to the engine", async () => {
      const path = await binWith("sha256sum");
      const log = await recording(path, "docker");
      const { status, stderr } = await install(trees["per-image"]!, ["load"], { ...given, path });
      assert.equal(status, 0, stderr);
      const archives = ["demo-db-1", "demo-web-1"].map((name) => `${trees["per-image"]}/images/${name}.tar`);
      assert.equal(await readFile(log, "utf8"), archives.map((file) => `<load><-i><${file}>\n`).join(""));
    });

    test(
      "push puts every image with all platforms into a real registry",
      requiring("docker-registry", "skopeo"),
      async () => {
        await using registry = await startDockerRegistry();
        const path = await binWith("sha256sum", "skopeo");
        const args = ["push", `${registry.host}/mirror`, "--insecure"];
        const { status, stderr } = await install(trees["archive"]!, args, { ...given, path });
        assert.equal(status, 0, stderr);
        await requireSame(registry.host, "mirror/");
      },
    );
  });
}

async function requireSame(host: string, prefix: string): Promise<void> {
  for (const name of ["demo/web", "demo/db"]) {
    const wanted = await shop.registries.repository(HOST, name).resolve("1");
    const found = await shop.registries.repository(host, `${prefix}${name}`).resolve("1");
    assert.equal(found.digest, wanted.digest);
  }
}

test(
  "push takes the images of a registry's tree from a registry that it starts, and ends",
  requiring("docker-registry", "skopeo"),
  async () => {
    await using registry = await startDockerRegistry();
    const path = await binWith("sha256sum", "skopeo", "docker-registry");
    const { status, stderr } = await install(trees["registry-tree"]!, ["push", registry.host, "--insecure"], { path });
    assert.equal(status, 0, stderr);
    await requireSame(registry.host, "");
  },
);

test(
  "serve serves the tree of a registry, read-only, until it is told to end",
  requiring("docker-registry"),
  async () => {
    const path = await binWith("sha256sum", "docker-registry");
    const child = spawn("sh", [join(trees["registry-tree"]!, "install.sh"), "serve", "--address", "127.0.0.1:0"], {
      env: { PATH: path, HOME: shop.directory, TMPDIR: shop.directory },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let host: string | undefined;
    for await (const line of createInterface(child.stderr)) {
      host = /serving at (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (host !== undefined) break;
    }
    await requireSame(host!, "");
    assert.equal((await fetch(`http://${host}/v2/demo/web/blobs/uploads/`, { method: "POST" })).status, 405);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    await assert.rejects(fetch(`http://${host}/v2/`));
  },
);

for (const [engine, expected] of [
  ["docker", (file: string) => `<load><-i><${file}>\n`],
  ["podman", (file: string) => `<load><-i><${file}>\n`],
  ["nerdctl", (file: string) => `<--namespace><k8s.io><load><-i><${file}>\n`],
  ["ctr", (file: string) => `<--namespace><k8s.io><images><import><${file}>\n`],
] as const) {
  test(`load works with ${engine}, in a directory with blanks`, async () => {
    const path = await binWith("sha256sum");
    const log = await recording(path, engine);
    const { status, stderr } = await install(trees["archive"]!, ["load"], { path });
    assert.equal(status, 0, stderr);
    assert.equal(await readFile(log, "utf8"), expected(`${trees["archive"]}/images.tar`));
  });
}

test("load takes the first engine that is there, or the one it is told", async () => {
  const path = await binWith("sha256sum");
  const logs = await Promise.all(["docker", "podman", "ctr"].map((name) => recording(path, name)));
  await install(trees["archive"]!, ["load"], { path });
  await install(trees["archive"]!, ["load", "--with", "ctr", "--namespace", "own"], { path });
  assert.match(await readFile(logs[0]!, "utf8"), /^<load>/);
  assert.match(await readFile(logs[2]!, "utf8"), /^<--namespace><own>/);
  await assert.rejects(readFile(logs[1]!));
});

test("an archive that is gzip is unpacked for ctr, which cannot", async () => {
  const set = { path: "web.tar.gz", images: [{ image: images[0] }] };
  const tree = join(await shop.unpacked({ name: "b", version: "1", sets: [set] }), "b-1");
  const path = await binWith("sha256sum");
  const log = await recording(path, "ctr");
  const { status, stderr } = await install(tree, ["load"], { path });
  assert.equal(status, 0, stderr);
  assert.equal(await readFile(log, "utf8"), "<--namespace><k8s.io><images><import><-> tar\n");
});

test("a dry run prints the commands and runs none", async () => {
  const path = await binWith("sha256sum");
  const log = await recording(path, "docker");
  const { status, stdout } = await install(trees["archive"]!, ["load", "--dry-run"], { path });
  assert.equal(status, 0);
  assert.equal(stdout, `+ 'docker' 'load' '-i' '${trees["archive"]}/images.tar'\n`);
  await assert.rejects(readFile(log));
});

for (const program of [["sha256sum"], ["busybox"], ["shasum", "perl"], ["openssl"]]) {
  test(
    `${program[0]} does for checking, and finds what is damaged, missing or cut off`,
    requiring(...program),
    async () => {
      const path = await binWith(...program);
      const tree = await mkdtemp(join(shop.directory, "damaged "));
      await cp(trees["per-image"]!, tree, { recursive: true });
      assert.equal((await install(tree, ["verify"], { path })).status, 0);
      await appendFile(join(tree, "images.list"), "x");
      await rm(join(tree, "bundle.json"));
      const log = await recording(path, "docker");
      const { status, stderr } = await install(tree, ["load"], { path });
      assert.equal(status, 1);
      assert.match(stderr, /images\.list: FAILED/);
      assert.match(stderr, /bundle\.json/);
      assert.match(stderr, /only 3 of 5 files are right/);
      await assert.rejects(readFile(log), "nothing is loaded of a damaged bundle");
    },
  );
}

test("a host without any program for checksums is told what it needs", async () => {
  const { status, stderr } = await install(trees["archive"]!, ["verify"], { path: await binWith() });
  assert.equal(status, 1);
  assert.match(stderr, /needs sha256sum, busybox, shasum or openssl/);
});

for (const [what, args, status, message] of [
  ["no command", [], 2, /Usage: sh install\.sh/],
  ["a command that is none", ["instal"], 2, /there is no command instal/],
  ["an option that is none", ["--force"], 2, /there is no option --force/],
  ["an option without value", ["load", "--with"], 1, /--with needs a value/],
  ["an argument too many", ["load", "x"], 2, /unexpected argument x/],
  ["no engine", ["load"], 1, /needs docker, nerdctl, podman or ctr/],
  ["an engine that is not there", ["load", "--with", "docker"], 1, /docker is not there/],
  ["no registry to push to", ["push"], 1, /name a registry/],
  ["no skopeo", ["push", "x"], 1, /needs skopeo/],
  ["no tree to serve", ["serve"], 1, /has no tree of a registry/],
  ["a bundle that is no delta", ["join"], 1, /is no delta/],
] as const) {
  test(`with ${what}, install.sh says so`, async () => {
    const ended = await install(trees["archive"]!, args);
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stderr, message);
  });
}

test("--help tells everything, and changes nothing", async () => {
  const { status, stdout } = await install(trees["archive"]!, ["--help"]);
  assert.equal(status, 0);
  for (const command of ["verify", "list", "load", "push", "serve", "join"]) assert.match(stdout, new RegExp(command));
});

test("a description may bring an install.sh of its own", async () => {
  await shop.write("own.sh", "#!/bin/sh\necho own\n");
  const files = [{ path: "install.sh", from: "own.sh", mode: "755" }];
  const tree = join(await shop.unpacked({ name: "b", version: "1", images, files }), "b-1");
  assert.equal((await install(tree, [])).stdout, "own\n");
});
