import { type FileHandle, open } from "node:fs/promises";
import { RejectedError } from "../../errors.ts";
import { type Credential, type CredentialEntry, canonicalHost, parseCredentialsFile } from "./credentials-file.ts";

/** A Kubernetes secret holds 1 MiB at most. */
const MAX_FILE_BYTES = 1024 * 1024;

export interface Credentials {
  /**
   * @param repository for entries that only cover a part of the registry
   * @returns undefined when no file has an entry for it
   * @throws RejectedError CREDENTIALS_INVALID
   */
  find(host: string, repository?: string): Promise<Credential | undefined>;
}

/**
 * Credentials from files in Docker's format. The first file with a matching entry decides; in a file the longest path
 * wins. A file may be missing, may appear later, and is read again after it changed: mounted secrets rotate.
 *
 * `credHelpers` and `credsStore` are not supported: an entry whose secret lies in a helper gives no credentials.
 */
export function openCredentials(files: readonly string[]): Credentials {
  const opened = files.map(openFile);
  return {
    async find(host, repository = "") {
      for (const entries of opened) {
        const found = (await entries()).find((entry) => covers(entry, canonicalHost(host), repository));
        if (found) return found.credential;
      }
      return undefined;
    },
  };
}

/**
 * Whether an entry is for a repository. Globs stand in the host only, each for (a part of) one label, and ports must be
 * equal: https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
function covers({ host, path }: CredentialEntry, wanted: string, repository: string): boolean {
  if (path !== "" && repository !== path && !repository.startsWith(`${path}/`)) return false;
  if (!host.includes("*")) return host === wanted;
  const pattern = host.split("*").map(RegExp.escape).join("[^.:]*");
  return new RegExp(`^${pattern}$`).test(wanted);
}

/** A file's entries, read again whenever its identity, size or time of change differs. */
function openFile(path: string): () => Promise<readonly CredentialEntry[]> {
  let version: string | undefined;
  let entries: readonly CredentialEntry[] = [];

  return async () => {
    let handle: FileHandle;
    try {
      handle = await open(path);
    } catch (error) {
      if (isMissing(error)) return [];
      throw invalid(path, "it cannot be opened", error);
    }
    try {
      const { ino, size, mtimeMs } = await handle.stat();
      const current = `${ino} ${size} ${mtimeMs}`;
      if (current === version) return entries;
      if (size > MAX_FILE_BYTES) throw new Error("it is larger than 1 MiB");
      entries = parseCredentialsFile(await handle.readFile("utf8"));
      version = current;
      return entries;
    } catch (error) {
      throw invalid(path, error instanceof Error ? error.message : String(error));
    } finally {
      await handle.close();
    }
  };
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

const invalid = (path: string, why: string, cause?: unknown): RejectedError =>
  new RejectedError("CREDENTIALS_INVALID", `Cannot read credentials file "${path}": ${why}`, { cause });
