import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findProgram } from "./programs.ts";

const programs = ["etcd", "kube-apiserver", "kubectl"] as const;
const root = dirname(dirname(import.meta.dirname));
/** The Go module that pins the versions, and with its go.sum every byte of the sources. */
const module = join(import.meta.dirname, "kube");

/** Of Kubernetes, such as 1.35.4. */
function pinnedVersion(): string {
  const version = /^require k8s\.io\/kubernetes v(\S+)/m.exec(readFileSync(join(module, "go.mod"), "utf8"))?.[1];
  if (version === undefined) throw new Error("Cannot tell the version of Kubernetes from test/real/kube/go.mod");
  return version;
}

/** Where the programs lie once they are built. */
const builtPrograms = (): string => join(root, ".tools", `kube-${pinnedVersion()}`);

function missingIn(directory: string): readonly string[] {
  return programs.filter((name) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });
}

/** The directory of a real etcd, kube-apiserver and kubectl, if they are there: `KUBEBUILDER_ASSETS`, else built before. */
export function findKubePrograms(): string | undefined {
  const { KUBEBUILDER_ASSETS: assets } = process.env;
  if (assets) {
    const missing = missingIn(assets);
    if (missing.length > 0) throw new Error(`KUBEBUILDER_ASSETS "${assets}" lacks ${missing.join(", ")}`);
    return assets;
  }
  const built = builtPrograms();
  return missingIn(built).length === 0 ? built : undefined;
}

/**
 * As {@linkcode findKubePrograms}; what is not there is built of its Go modules, once, where there is a Go toolchain.
 *
 * @returns undefined when there is none
 */
export async function ensureKubePrograms(say: (line: string) => void): Promise<string | undefined> {
  const found = findKubePrograms();
  if (found !== undefined) return found;
  if (findProgram("go") === undefined) return undefined;
  const directory = builtPrograms();
  say(`building ${programs.join(", ")} of their Go modules (once, several minutes)`);
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(`${directory}-`);
  try {
    await build(work);
    await rename(join(work, "server"), join(work, "etcd"));
    await rename(work, directory);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return directory;
}

const packages = [
  "k8s.io/kubernetes/cmd/kube-apiserver",
  "k8s.io/kubernetes/cmd/kubectl",
  // its program is called server
  "go.etcd.io/etcd/server/v3",
];

async function build(directory: string): Promise<void> {
  const version = pinnedVersion();
  const [major, minor] = version.split(".");
  // what a build of a release says of itself: clients refuse to talk to a server without version
  const stamps = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  const flags = Object.entries(stamps).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  const args = ["-mod=readonly", "-trimpath", "-buildvcs=false", `-ldflags=-s -w ${flags.join(" ")}`];
  const go = spawn("go", ["build", ...args, "-o", `${directory}/`, ...packages], {
    cwd: module,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" },
  });
  const [code] = (await once(go, "exit")) as [number | null];
  if (code !== 0) throw new Error(`Cannot build ${programs.join(", ")}: go ended with ${code}`);
}
