import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { promisify } from "node:util";
import {
  buildImage,
  buildIndex,
  buildLayer,
  copy,
  digestOf,
  openSourcePlace,
  parsePlace,
} from "../../lib/oci/index.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { type DockerRegistry, startDockerRegistry } from "../real/docker-registry.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { findProgram, requiring } from "../real/programs.ts";
import { stowage } from "./harness.ts";

const run = promisify(execFile);
const work = await mkdtemp(join(tmpdir(), "stowage-copy-"));
const embedded = await startEmbeddedRegistry();
const real: DockerRegistry | undefined = findProgram("docker-registry") ? await startDockerRegistry() : undefined;
after(async () => {
  await embedded[Symbol.asyncDispose]();
  await real?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

const shared = await buildLayer([{ path: "shared", content: "in both" }]);
const images = await Promise.all(
  ["linux/amd64", "linux/arm64"].map(async (platform) =>
    buildImage({ platform, layers: [shared, await buildLayer([{ path: "own", content: platform }])] }),
  ),
);
const image = buildIndex(images);
const { digest } = image.descriptor;
await embedded.push("acme/web", "1", image);
await embedded.push("acme/chart", "1.0.0", chartArtifact({ name: "chart", version: "1.0.0" }));
const origin = `docker://${embedded.host}/acme/web:1`;

/** Run a copy that must succeed. @returns what it printed */
async function copied(...args: readonly string[]) {
  const { status, stdout, stderr } = await stowage(["copy", ...args]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** Everything that a place holds of an image, moved into memory and so verified. @returns its digest */
async function check(place: string, platforms?: readonly string[]): Promise<string> {
  await using opened = await openSourcePlace(parsePlace(place), embedded.registries);
  const { descriptor } = await copy(opened.source, opened.reference, openMemory(), { as: "x", platforms });
  return descriptor.digest;
}

let count = 0;
const fresh = (): string => join(work, `${++count}`);

/** A new place of each transport. */
const places: Readonly<Record<string, () => string | undefined>> = {
  "docker (embedded)": () => `docker://${embedded.host}/copy-${++count}/web:1`,
  "docker (distribution)": () => real && `docker://${real.host}/copy-${++count}/web:1`,
  oci: () => `oci:${fresh()}:1`,
  "oci-archive": () => `oci-archive:${fresh()}.tar:1`,
  "docker-archive": () => `docker-archive:${fresh()}.tar:acme/web:1`,
  "registry-tree": () => `registry-tree:${fresh()}//acme/web:1`,
};

/** What skopeo makes of a place, and umoci of a layout. */
async function inspect(place: string): Promise<void> {
  if (place.startsWith("registry-tree:")) {
    const directory = place.slice("registry-tree:".length, place.indexOf("//"));
    await using served = await startDockerRegistry({ directory });
    await inspect(`docker://${served.host}/acme/web:1`);
    return;
  }
  const args = place.startsWith("docker://") ? ["--tls-verify=false", place] : [place];
  if (place.startsWith("docker-archive:")) {
    const { stdout } = await run("skopeo", ["inspect", "--config", ...args]);
    const config = JSON.parse(stdout) as { architecture: string; rootfs: { diff_ids: string[] } };
    assert.equal(config.architecture, "amd64");
    assert.deepEqual(
      config.rootfs.diff_ids,
      images[0]!.layers.map(({ diffId }) => diffId),
    );
  } else {
    const { stdout } = await run("skopeo", ["inspect", "--raw", ...args]);
    assert.equal(digestOf(stdout), digest);
  }
  if (place.startsWith("oci:") && findProgram("umoci")) {
    const { stdout } = await run("umoci", ["list", "--layout", place.split(":")[1]!]);
    assert.equal(stdout, "1\n");
  }
}

suite("copy between all transports", { concurrency: 2 }, () => {
  for (const [from, openFrom] of Object.entries(places)) {
    for (const [to, openTo] of Object.entries(places)) {
      const isReal = [from, to].some((name) => name.includes("distribution"));
      test(`${from} → ${to}`, isReal ? requiring("docker-registry") : {}, async () => {
        const [source, target] = [openFrom()!, openTo()!];
        await copied(origin, source);
        const { descriptor, blobs } = await copied(source, target);
        assert.equal(descriptor.digest, digest);
        // one shared layer, two of their own, two configs
        assert.equal(blobs.moved + blobs.mounted + blobs.present, 5);
        assert.equal(await check(target), digest);
        if (findProgram("skopeo") && findProgram("docker-registry")) await inspect(target);
      });
    }
  }

  test(
    "skopeo, umoci and docker-registry have read all of it",
    requiring("skopeo", "umoci", "docker-registry"),
    () => {},
  );
});

suite("copy to archives", () => {
  test("gives an image the name it has at its source, or the one asked for", requiring("skopeo"), async () => {
    const names = async (place: string) => {
      await using opened = await openSourcePlace(parsePlace(place), embedded.registries);
      return Array.fromAsync(opened.source.tags());
    };
    const [oci, docker] = [fresh(), fresh()];
    for (const [args, expected] of [
      [`oci-archive:${oci}`, `${embedded.host}/acme/web:1`],
      [`oci-archive:${oci}:stable`, `${embedded.host}/acme/web:stable`],
      [`oci-archive:${oci}:quay.io/acme/web:2`, "quay.io/acme/web:2"],
      [`docker-archive:${docker}`, `${embedded.host}/acme/web:1`],
      [`docker-archive:${docker}:web:2`, "docker.io/library/web:2"],
      [`docker-archive:${docker}:quay.io/acme/web`, "quay.io/acme/web:latest"],
    ] as const) {
      await copied(origin, args);
      assert.deepEqual(await names(args.split(":").slice(0, 2).join(":")), [expected], args);
      if (args.split(":").length > 2) await run("skopeo", ["inspect", "--raw", args]);
    }
    // from one archive to the next, and from where no name is known
    await copied(`docker-archive:${docker}`, `oci-archive:${oci}`);
    assert.deepEqual(await names(`oci-archive:${oci}`), ["quay.io/acme/web:latest"]);
    const layout = `oci:${fresh()}`;
    await copied(origin, layout);
    await copied(layout, `docker-archive:${docker}`);
    assert.deepEqual(await names(`docker-archive:${docker}`), []);
    assert.equal(await check(`docker-archive:${docker}:@0`), digest);
  });

  test("replaces what was there, and leaves it where the copy fails", async () => {
    const directory = fresh();
    await mkdir(directory);
    const file = join(directory, "image.tar");
    await writeFile(file, "something else");
    for (const source of [`docker://${embedded.host}/acme/web:none`, `oci-archive:${file}`]) {
      assert.equal((await stowage(["copy", source, `oci-archive:${file}`])).status, 1);
      assert.equal(await readFile(file, "utf8"), "something else");
    }
    await copied(origin, `oci-archive:${file}`);
    const first = await readFile(file);
    assert.equal(await check(`oci-archive:${file}:1`), digest);

    // the same image gives the same bytes, also when it is copied onto itself
    await copied(`oci-archive:${file}`, `oci-archive:${file}`);
    assert.ok(first.equals(await readFile(file)));
    assert.deepEqual(await readdir(directory), ["image.tar"]);
  });

  test("breaks off at content that is not what it should be, and leaves nothing behind", async () => {
    const directory = fresh();
    const layout = join(directory, "layout");
    await copied(origin, `oci:${layout}:1`);
    const blob = join(layout, "blobs", "sha256", shared.descriptor.digest.slice(7));
    await writeFile(blob, Buffer.alloc(shared.descriptor.size));
    const { status, stderr } = await stowage(["copy", `oci:${layout}:1`, `docker-archive:${directory}/a.tar`]);
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`^stowage copy: Cannot take ${shared.descriptor.digest} .*CONTENT_MISMATCH`));
    assert.deepEqual(await readdir(directory), ["layout"]);
  });

  test("a docker-archive takes only what docker can load; an oci-archive takes charts too", async () => {
    const chart = `docker://${embedded.host}/acme/chart:1.0.0`;
    const file = fresh();
    for (const dry of [[], ["--dry-run"]]) {
      const { status, stderr } = await stowage(["copy", chart, `docker-archive:${file}:acme/chart:1`, ...dry]);
      assert.equal(status, 1);
      assert.match(stderr, /Cannot write docker-archive:.* docker could not load sha256:.*IMAGE_INVALID/);
    }
    const { descriptor } = await copied(chart, `oci-archive:${file}`);
    assert.equal(await check(`oci-archive:${file}:1.0.0`), descriptor.digest);
    assert.equal((await stowage(["verify", file])).status, 0);
  });

  test("refuses names that cannot be given, and what is no file", async () => {
    for (const [place, message] of [
      ["oci-archive:a.tar:no name", /Cannot copy under the name "no name"/],
      [`docker-archive:a.tar:web@${digest}`, /under a digest/],
      ["docker-archive:a.tar:NO NAME", /Cannot read reference "NO NAME"/],
      [`docker-archive:${work}`, /no regular file/],
      [`docker://${embedded.host}/acme/web@${digest}`, /to a digest/],
      [`registry-tree:${work}/tree//acme/web@${digest}`, /to a digest/],
    ] as const) {
      const { status, stderr } = await stowage(["copy", origin, place]);
      assert.equal(status, 1);
      assert.match(stderr, message);
    }
    const { stderr } = await stowage(["copy", origin, `oci-archive:${work}/no/such/a.tar`]);
    assert.match(stderr, /a\.tar": ENOENT \(DISK_UNAVAILABLE\)/);
  });

  test("leaves signatures behind and says so", async () => {
    const signature = buildImage({
      platform: "linux/amd64",
      layers: [shared],
      config: { labels: { is: "signature" } },
    });
    await embedded.push("acme/signed", "1", image);
    await embedded.push("acme/signed", `${digest.replace(":", "-")}.sig`, signature);
    const file = `docker-archive:${fresh()}`;
    const { status, stdout, stderr } = await stowage(["copy", `docker://${embedded.host}/acme/signed:1`, file]);
    assert.deepEqual([status, stderr], [0, "stowage copy: left out 1 signatures, attestations or the like\n"]);
    assert.equal(JSON.parse(stdout).leftOut[0].digest, signature.descriptor.digest);
    assert.equal(await check(file), digest);
  });
});

suite("copy --platform", () => {
  for (const transport of ["oci-archive", "docker-archive"] as const) {
    test(
      `keeps the digest of the index in ${transport}, and leaves the other platforms out`,
      requiring("skopeo"),
      async () => {
        const file = fresh();
        const place = `${transport}:${file}`;
        const { descriptor, blobs } = await copied(origin, place, "--platform", "linux/arm64");
        assert.deepEqual([descriptor.digest, blobs.moved], [digest, 3]);
        assert.equal(await check(place, ["linux/arm64"]), digest);
        await assert.rejects(check(place), { code: "CONTENT_UNKNOWN" });
        const { stdout } = await run("skopeo", ["inspect", "--config", `docker-archive:${file}`]);
        assert.equal(JSON.parse(stdout).architecture, "arm64");
        assert.deepEqual(JSON.parse((await stowage(["verify", file])).stdout).problems, []);
      },
    );
  }

  for (const [transport, open] of Object.entries(places)) {
    const needs = transport.includes("distribution") ? requiring("docker-registry") : {};
    test(
      `--rewrite-index writes an index to ${transport} that names nothing else, the same each time`,
      needs,
      async () => {
        const [one, two] = [open()!, open()!];
        const args = ["--platform", "linux/arm64", "--rewrite-index"];
        const { descriptor, copied: written } = await copied(origin, one, ...args);
        assert.equal(descriptor.digest, digest);
        assert.notEqual(written.digest, digest);
        assert.equal((await copied(origin, two, ...args)).copied.digest, written.digest);
        // whole: nothing that it names is missing
        assert.equal(await check(one), written.digest);
        assert.equal((await copied(origin, one, ...args, "--dry-run")).copied.digest, written.digest);
      },
    );
  }

  test("that the target refuses says what can be done", requiring("docker-registry"), async () => {
    // docker-registry takes an index only with all its images
    const { status, stderr } = await stowage([
      "copy",
      origin,
      `docker://${real!.host}/sparse/web`,
      "--platform",
      "linux/arm64",
    ]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /MANIFEST_BLOB_UNKNOWN.*copy all platforms, or have it rewritten \(rewriteIndex, --rewrite-index\)/,
    );
  });

  test("goes through from archives and trees", async () => {
    const [archive, tree] = [`docker-archive:${fresh()}`, `registry-tree:${fresh()}//acme/web:1`];
    await copied(origin, archive);
    await copied(archive, tree, "--platform", "linux/amd64");
    assert.equal(await check(tree, ["linux/amd64"]), digest);
    await assert.rejects(check(tree), { code: "CONTENT_UNKNOWN" });
    const { status, stderr } = await stowage(["copy", archive, `oci:${fresh()}`, "--platform", "linux/s390x"]);
    assert.equal(status, 1);
    assert.match(stderr, /linux\/s390x: there is linux\/amd64, linux\/arm64/);
  });
});

suite("copy --dry-run", () => {
  for (const [transport, open] of Object.entries(places)) {
    const needs = transport.includes("distribution") ? requiring("docker-registry") : {};
    test(`tells what would move to ${transport}, and moves nothing`, needs, async () => {
      const place = open()!;
      const before = (await readdir(work)).length;
      const told = await copied(origin, place, "--dry-run");
      assert.deepEqual([told.dryRun, told.descriptor.digest, told.blobs.moved], [true, digest, 5]);
      assert.equal(new Set(told.moves.map((move: { digest: string }) => move.digest)).size, 5);
      assert.ok(told.moves.every(({ size }: { size: number }) => size > 0));
      assert.equal(
        told.bytes.moved,
        told.moves.reduce((sum: number, { size }: { size: number }) => sum + size, 0),
      );
      assert.equal((await readdir(work)).length, before);
      await assert.rejects(check(place));
    });
  }

  test("knows what is there already", async () => {
    const layout = `oci:${fresh()}:1`;
    await copied(origin, layout, "--platform", "linux/amd64");
    const told = await copied(origin, layout, "--dry-run");
    // the layer of its own and the config of the other platform
    assert.deepEqual([told.blobs.moved, told.moves.length], [2, 2]);
    assert.equal((await copied(origin, layout)).blobs.moved, 2);
    assert.deepEqual((await copied(origin, layout, "--dry-run")).moves, []);
  });

  test("fails as the copy would", async () => {
    const { status, stderr } = await stowage([
      "copy",
      `docker://${embedded.host}/acme/none:1`,
      `oci:${fresh()}`,
      "--dry-run",
    ]);
    assert.equal(status, 1);
    assert.match(stderr, /CONTENT_UNKNOWN/);
  });
});

suite("what other programs make of the copies", () => {
  test("skopeo copies from archives, byte for byte, and they from skopeo", requiring("skopeo"), async () => {
    const file = fresh();
    await copied(origin, `docker-archive:${file}:acme/web:1`);
    const directory = fresh();
    await run("skopeo", ["copy", "--all", `oci-archive:${file}:1`, `oci:${directory}:1`]);
    assert.equal(await check(`oci:${directory}:1`), digest);
    await run("skopeo", ["copy", `docker-archive:${file}:acme/web:1`, `oci:${directory}:docker`]);
    const back = fresh();
    await run("skopeo", ["copy", "--all", `oci:${directory}:1`, `oci-archive:${back}:1`]);
    assert.equal(await check(`oci-archive:${back}:1`), digest);
    await run("skopeo", ["copy", `oci:${directory}:1`, `docker-archive:${back}-docker:acme/web:1`]);
    const { descriptor } = await copied(`docker-archive:${back}-docker`, `docker://${embedded.host}/from/skopeo`);
    assert.equal(await check(`docker://${embedded.host}/from/skopeo:1`), descriptor.digest);
  });

  test("umoci unpacks an archive that tar unpacked", requiring("umoci", "tar"), async () => {
    const [file, layout, bundle] = [fresh(), fresh(), fresh()];
    const single = `docker://${embedded.host}/acme/web@${images[0]!.descriptor.digest}`;
    await copied(single, `oci-archive:${file}:1`);
    await mkdir(layout);
    await run("tar", ["-xf", file, "-C", layout]);
    await run("umoci", ["unpack", "--rootless", "--image", `${layout}:1`, bundle]);
    assert.equal(await readFile(join(bundle, "rootfs", "own"), "utf8"), "linux/amd64");
  });

  test(
    "a tree that docker-registry wrote is read, one that stowage wrote is served",
    requiring("docker-registry"),
    async () => {
      await copied(origin, `docker://${real!.host}/tree/web:1`);
      const copyOfTree = fresh();
      await cp(real!.directory, copyOfTree, { recursive: true });
      assert.equal(await check(`registry-tree:${copyOfTree}/tree/web:1`), digest);
      assert.equal(await check(`registry-tree:${copyOfTree}/tree/web@${digest}`), digest);
      await copied(`registry-tree:${copyOfTree}/tree/web:1`, `registry-tree:${copyOfTree}/other/name:2`);
      await using served = await startDockerRegistry({ directory: copyOfTree });
      assert.equal(await check(`docker://${served.host}/other/name:2`), digest);
    },
  );
});
