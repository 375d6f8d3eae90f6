import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parse } from "yaml";
import { ensureHelm } from "../lib/helm/index.ts";
import { copy, openBuilt, openLayout, openRegistries } from "../lib/oci/index.ts";
import { loadBundle, startEmptyRegistry } from "./air-gap.ts";
import { buildApplication, buildBase, platforms } from "./sample-images.ts";
import { type Ran, startStowage } from "./stowage-process.ts";

/**
 * `npm run demo`: takes a release through the whole pipeline, on free loopback ports and in a temporary directory.
 *
 * Prints what happens as it happens, and one line of JSON at the end. Exit status 1 when any step fails.
 */

const examples = import.meta.dirname;
/** The registry's name in charts and lists: what is published must not depend on where the demo happens to listen. */
const REGISTRY = "registry.example.com";
const apps = [
  { name: "hello", version: "1.0.0" },
  { name: "guestbook", version: "2.1.0" },
] as const;
/** How long one step may take on a slow machine. */
const PATIENCE_MS = 120_000;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const step = (title: string): boolean => say(`\n== ${title}`);

async function demo(work: string, kept: string) {
  const started = performance.now();
  const helm = await openHelm(work);

  step("Start stowage: broker, functions, chart repository and registry in one process");
  const config = join(work, "stowage.yaml");
  await writeFile(config, `embedded: { registry: ${REGISTRY} }\n`);
  const timeline = new Timeline();
  await using stowage = await startStowage(["--data", join(work, "data"), "--config", config], (ran) =>
    timeline.add(ran),
  );
  const { charts, registry } = stowage.ready;
  say(`   listening on ${stowage.ready.url}, registry on ${registry}`);

  step(`Build two images for ${platforms.join(" and ")} on one shared layer, and push them`);
  const own = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-demo" });
  const bases = new Map(
    await Promise.all(platforms.map(async (each) => [each, await buildBase(join(examples, "base"), each)] as const)),
  );
  for (const app of apps) {
    const image = await buildApplication(join(examples, app.name, "image"), bases, app);
    const { bytes } = await copy(
      openBuilt({ [app.version]: image }),
      app.version,
      own.repository(registry, `demo/${app.name}`),
      // a layer that the registry has for another image is mounted, not sent
      { from: `demo/${apps[0].name}` },
    );
    say(
      `   demo/${app.name}:${app.version} ${image.descriptor.digest} (${bytes.moved} bytes moved, ${bytes.reused} reused)`,
    );
  }

  step("Package two charts with the real helm, and push them");
  for (const { name, version } of apps) {
    const chart = join(work, "charts", name);
    await cp(join(examples, name, "chart"), chart, { recursive: true });
    // helm keeps the files' times in the archive: the same times give the same bytes
    for (const entry of await readdir(chart, { recursive: true })) await utimes(join(chart, entry), 0, 0);
    await helm("package", chart, "--destination", work);
    await helm("push", join(work, `${name}-${version}.tgz`), `oci://${registry}/charts`, "--plain-http");
    say(`   charts/${name}:${version}`);
  }

  step("Wait until both charts are in the index and their images are listed");
  await timeline.until(({ function: name }) => name === "list-images", apps.length);

  step("Use the chart repository as any helm client does");
  await helm("repo", "add", "demo", charts);
  await mkdir(join(work, "pulled"));
  say((await helm("search", "repo", "demo/")).trimEnd().replaceAll(/^/gm, "   "));
  for (const { name, version } of apps) {
    await helm("pull", `demo/${name}`, "--version", version, "--destination", join(work, "pulled"));
    const file = `${name}-${version}.tgz`;
    const [pushed, pulled] = await Promise.all([readFile(join(work, file)), readFile(join(work, "pulled", file))]);
    if (!pushed.equals(pulled)) throw new Error(`${file} came back with other bytes`);
    say(`   pulled ${file}: the bytes that were pushed`);
  }

  step("List the images that both charts need");
  const images = (await cli("images", ...apps.map(({ name, version }) => join(work, `${name}-${version}.tgz`))))
    .trimEnd()
    .split("\n");
  for (const image of images) say(`   ${image}`);

  step("Ask for an installer bundle with one event");
  const release = parse(await readFile(join(examples, "release.yaml"), "utf8")) as object;
  await cli(
    "send",
    "dev.stowage.bundle.requested.v1",
    "--subject",
    "harbour@1.0.0",
    "--to",
    stowage.ready.broker,
    "--data",
    JSON.stringify({ release }),
  );
  await timeline.until(({ function: name, status }) => name === "build-bundle" && status === 200, 1);
  const bundle = join(work, "data", "store", "releases", "harbour", "1.0.0", "harbour-1.0.0.tar.gz");
  const { sha256, size } = JSON.parse(await readFile(`${bundle}.json`, "utf8")) as { sha256: string; size: number };
  say(`   ${size} bytes, sha256 ${sha256}`);

  step("Verify the bundle byte by byte");
  say(`   ${(await cli("verify", bundle)).trimEnd()}`);

  step("Behind the air gap: load the bundle into an empty registry, and pull an image from it");
  await using customer = await startEmptyRegistry(join(work, "customer"));
  const loaded = await loadBundle(bundle, join(work, "unpacked"), own, customer.host);
  for (const { image, digest } of loaded) say(`   loaded ${image} ${digest}`);
  const layout = await openLayout(join(work, "layout"), { create: true });
  const back = await copy(own.repository(customer.host, "demo/guestbook"), "2.1.0", layout);
  say(`   pulled demo/guestbook:2.1.0 with ${back.blobs.moved} blobs, ${back.bytes.moved} bytes, all verified`);

  await mkdir(kept, { recursive: true });
  const path = join(kept, "harbour-1.0.0.tar.gz");
  await copyFile(bundle, path);
  const seconds = Math.round(performance.now() - started) / 1000;
  return {
    ok: true,
    index: `${charts}/index.yaml`.replace(/([^:])\/\//, "$1/"),
    images,
    bundle: { path, sha256 },
    seconds,
  };
}

/** Prints every run of a function, and lets a step wait for one. */
class Timeline {
  readonly #runs: Ran[] = [];

  add(ran: Ran): void {
    this.#runs.push(ran);
    const { function: name, type, subject = "", status, ms, reply, reason } = ran;
    const short = (text: string): string => text.replace(/^dev\.stowage\.(.*)\.v1$/, "$1");
    const end = reply ? `→ ${short(reply)}` : reason ? `✗ ${status} ${reason}` : "✓";
    say(`   ${new Date().toISOString().slice(11, 23)}  ${name.padEnd(14)} ${short(type)} ${subject}  ${end}  ${ms} ms`);
  }

  async until(wanted: (ran: Ran) => boolean, times: number): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#runs.filter(wanted).length < times) {
      if (performance.now() > deadline) throw new Error("what was waited for did not happen");
      await sleep(20);
    }
  }
}

async function openHelm(work: string): Promise<(...args: string[]) => Promise<string>> {
  const binary = await ensureHelm((line) => say(`stowage: ${line}`));
  const home = join(work, "helm");
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
  };
  return async (...args) => (await promisify(execFile)(binary, args, { env })).stdout;
}

async function cli(...args: string[]): Promise<string> {
  const main = join(examples, "..", "bin", "stowage.ts");
  return (await promisify(execFile)(process.execPath, [main, ...args])).stdout;
}

const work = await mkdtemp(join(tmpdir(), "stowage-demo-"));
try {
  const result = await demo(work, join(tmpdir(), "stowage-demo"));
  say(`\nThe bundle stays at ${result.bundle.path}; everything else of the demo is gone.`);
  say(JSON.stringify(result));
} catch (error) {
  const { message, stderr } = error as Error & { stderr?: string };
  process.stderr.write(`stowage: the demo failed: ${message}\n${stderr ?? ""}`);
  say(JSON.stringify({ ok: false, reason: message }));
  process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}
