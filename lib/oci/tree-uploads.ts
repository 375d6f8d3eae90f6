import { createHash, type Hash, randomUUID } from "node:crypto";
import { appendFile, lstat, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError, TransientError } from "../errors.ts";
import type { Bytes } from "./content.ts";
import type { Digest } from "./descriptor.ts";
import { makeDirectory, orAbsent, readBytes, sizeOf } from "./tree-files.ts";

const MAX_UPLOADS = 1000;
const MAX_AGE_MS = 24 * 60 * 60 * 1000;
const SWEEP_INTERVAL_MS = 10 * 60 * 1000;
const ID = /^[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}$/;

/** A blob on its way, in the hands of one request. Disposing lets go of it; it can be taken up again. */
export interface Upload extends Disposable {
  readonly id: string;
  /** Bytes received. */
  readonly size: number;
  /** Add to what was received. When `bytes` break, what came before stays. */
  append(bytes: Bytes): Promise<void>;
  /**
   * Make it a blob of the repository.
   *
   * @throws RejectedError CONTENT_MISMATCH when it has another digest; it is gone then
   */
  finish(digest: Digest): Promise<void>;
  /** Throw it away. An upload that has ended already is left alone. */
  cancel(): Promise<void>;
}

/** Where a repository has its uploads, and what becomes of them. */
export interface UploadPlace {
  readonly directory: string;
  /** Take the file of an upload that is whole, verified and on disk. */
  keep(file: string, digest: Digest): Promise<void>;
}

interface Running {
  readonly hash: Hash;
  size: number;
}

/**
 * Blobs that arrive in several requests. Each is a file below the `_uploads` of its repository, so it outlives the
 * process: whoever comes back with its id goes on where the file ends. What nobody has touched for 24 hours is removed,
 * and there are 1,000 at most.
 */
export class Uploads {
  readonly #root: string;
  readonly #directories: () => AsyncIterable<string>;
  readonly #busy = new Set<string>();
  /** The hash of what this process has received itself, so that a blob is not read again to be verified. */
  readonly #running = new Map<string, Running>();
  #count = 0;
  #nextSweep = 0;
  #sweeping: Promise<void> | undefined;

  /** @param directories the `_uploads` directories of the tree */
  constructor(root: string, directories: () => AsyncIterable<string>) {
    this.#root = root;
    this.#directories = directories;
  }

  /** @throws TransientError REGISTRY_UNAVAILABLE when there are too many */
  async start(place: UploadPlace): Promise<Upload> {
    await this.#tidy();
    if (this.#count >= MAX_UPLOADS) {
      throw new TransientError("REGISTRY_UNAVAILABLE", `Cannot start an upload: ${MAX_UPLOADS} are open already`, {
        retryAfter: 60,
      });
    }
    const id = randomUUID();
    await makeDirectory(this.#root, place.directory);
    await writeFile(join(place.directory, id), "", { flag: "wx" });
    this.#count++;
    this.#running.set(id, { hash: createHash("sha256"), size: 0 });
    this.#busy.add(id);
    return this.#hold(place, id, 0);
  }

  /** Bytes received, or undefined when there is no such upload. */
  async size({ directory }: UploadPlace, id: string): Promise<number | undefined> {
    return ID.test(id) ? sizeOf(this.#root, join(directory, id)) : undefined;
  }

  /**
   * Go on with an upload, or undefined when there is none of that id.
   *
   * @throws TransientError REGISTRY_UNAVAILABLE while another request has it
   */
  async take(place: UploadPlace, id: string): Promise<Upload | undefined> {
    if (this.#busy.has(id)) {
      throw new TransientError("REGISTRY_UNAVAILABLE", `Cannot go on with upload ${id}: another request has it`, {
        retryAfter: 1,
      });
    }
    // taken before it is looked at: nobody else may change its size in between
    this.#busy.add(id);
    let held: Upload | undefined;
    try {
      const size = await this.size(place, id);
      if (size !== undefined) held = this.#hold(place, id, size);
    } finally {
      if (held === undefined) this.#busy.delete(id);
    }
    return held;
  }

  /** Hand out an upload that nobody else has. */
  #hold(place: UploadPlace, id: string, initial: number): Upload {
    const path = join(place.directory, id);
    const running = this.#running.get(id);
    let size = initial;
    let over = false;
    const forget = () => {
      if (!over) this.#count--;
      over = true;
      this.#running.delete(id);
    };
    const cancel = async () => {
      await rm(path, { force: true });
      forget();
    };
    return {
      id,
      get size() {
        return size;
      },
      append: async (bytes) => {
        try {
          await appendFile(path, running === undefined ? bytes : hashed(bytes, running));
        } finally {
          size = (await stat(path)).size;
        }
      },
      finish: async (digest) => {
        const actual = running?.size === size ? running.hash.copy() : await hashOf(path, size);
        const found = `sha256:${actual.digest("hex")}`;
        if (found !== digest) {
          await cancel();
          throw new RejectedError("CONTENT_MISMATCH", `Cannot take upload ${id} for ${digest}: it has digest ${found}`);
        }
        await flush(path);
        await place.keep(path, digest);
        forget();
      },
      cancel,
      [Symbol.dispose]: () => {
        this.#busy.delete(id);
      },
    };
  }

  /** Remove what is too old and count the rest, now and then. */
  async #tidy(): Promise<void> {
    if (Date.now() < this.#nextSweep) return;
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined;
    });
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const oldest = Date.now() - MAX_AGE_MS;
    let count = 0;
    for await (const directory of this.#directories()) {
      for (const name of (await orAbsent(readdir(directory))) ?? []) {
        const path = join(directory, name);
        const found = await orAbsent(lstat(path));
        if (found === undefined) continue;
        count++;
        if (found.mtimeMs >= oldest || this.#busy.has(name)) continue;
        await rm(path, { recursive: true, force: true });
        this.#running.delete(name);
        count--;
      }
    }
    this.#count = count;
    this.#nextSweep = Date.now() + SWEEP_INTERVAL_MS;
  }
}

/** Bytes are asked for again only once the last ones are in the file, so the hash never runs ahead of it. */
async function* hashed(bytes: Bytes, running: Running): Bytes {
  for await (const chunk of bytes) {
    yield chunk;
    running.hash.update(chunk);
    running.size += chunk.byteLength;
  }
}

async function hashOf(path: string, size: number): Promise<Hash> {
  const hash = createHash("sha256");
  for await (const chunk of readBytes(path, size, {})) hash.update(chunk);
  return hash;
}

async function flush(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
