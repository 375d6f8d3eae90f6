import { fileURLToPath } from "node:url";
import { RejectedError } from "../errors.ts";
import type { Store } from "./store.ts";

/**
 * Open a store by URL. The driver is loaded when it is needed.
 *
 * - `file:DIR`: a directory as the system names it, relative ones to the working directory; `file:///DIR` is a URL,
 *   percent-encoded. It is made if it does not exist.
 * - `memory:`: a new, empty store that ends with the process.
 *
 * @throws RejectedError STORE_URL_INVALID; whatever else the driver throws on opening
 */
export async function openStore(url: string): Promise<Store> {
  if (url === "memory:") {
    const { openMemoryStore } = await import("./memory.ts");
    return openMemoryStore();
  }
  if (url.startsWith("file:")) {
    const directory = directoryOf(url);
    const { openFileStore } = await import("./file.ts");
    return openFileStore(directory);
  }
  // The rest of the URL may hold credentials.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? "no scheme";
  throw refused(`"${scheme}"`, "file:DIR, file:///DIR and memory: are supported");
}

function directoryOf(url: string): string {
  const rest = url.slice("file:".length);
  if (rest === "" || rest.includes("\0")) throw refused(`"${url}"`, "it names no directory");
  if (!rest.startsWith("//")) return rest;
  try {
    const parsed = new URL(url);
    if (parsed.search === "" && parsed.hash === "") return fileURLToPath(parsed);
  } catch (cause) {
    throw refused(`"${url}"`, "it is not a file URL of this machine", cause);
  }
  throw refused(`"${url}"`, "a file URL has neither query nor fragment");
}

const refused = (url: string, why: string, cause?: unknown): RejectedError =>
  new RejectedError("STORE_URL_INVALID", `Cannot open store ${url}: ${why}`, { cause });
