import { createHash } from "node:crypto";
import * as z from "zod";
import { isFailure, type ObjectService, type OpenUpload } from "./service.ts";

/** Names in a store that belong to the store itself. No key begins so. */
export const privateName = ".stowage";

const entrySchema = z.strictObject({ key: z.string(), upload: z.string().min(1), token: z.string() });
type Entry = z.output<typeof entrySchema>;

/** An entry is much smaller. */
const MAX_BYTES = 16 * 1024;

/** How long nothing must have happened to something that is taken for left behind. Milliseconds. */
export const LEFT_BEHIND = 24 * 60 * 60 * 1000;

/**
 * Which upload of a key is open: a small object beside it, written before the first part and deleted when the upload is
 * complete. So an upload is found again by whoever wants to write the same bytes, and never by others: services keep no
 * notes with an upload that could be read.
 */
export class Journal {
  readonly #service: ObjectService;
  readonly #key: string;
  readonly #name: string;
  readonly #entryName: string;

  /** @param prefix of all names of the store, as they begin: empty, or ending with a slash */
  constructor(service: ObjectService, prefix: string, key: string) {
    this.#service = service;
    this.#key = key;
    this.#name = prefix + key;
    this.#entryName = entryNameOf(prefix, key);
  }

  /**
   * The upload that goes on, or a new one. An open upload of other bytes is aborted.
   *
   * @returns its id
   */
  async open(token: string, signal: AbortSignal | undefined): Promise<string> {
    const before = await this.#read(signal);
    if (before?.token === token && (await this.#isOpen(before.upload, signal))) return before.upload;
    if (before !== undefined) await this.#service.abort(this.#name, before.upload, signal);
    const upload = await this.#service.begin(this.#name, token, signal);
    const entry: Entry = { key: this.#key, upload, token };
    const bytes = Buffer.from(JSON.stringify(entry));
    try {
      await this.#service.put(this.#entryName, bytes, { ifAbsent: before === undefined, token }, signal);
    } catch (error) {
      await this.#service.abort(this.#name, upload, signal);
      if (!isFailure(error, "exists")) throw error;
      // Somebody began in the same moment: there is one upload now, his.
      return this.open(token, signal);
    }
    return upload;
  }

  async close(signal: AbortSignal | undefined): Promise<void> {
    await this.#service.delete(this.#entryName, signal);
  }

  async #read(signal: AbortSignal | undefined): Promise<Entry | undefined> {
    const chunks: Uint8Array[] = [];
    try {
      const range = { start: 0, end: MAX_BYTES };
      for await (const chunk of (await this.#service.get(this.#entryName, range, undefined, signal)).body)
        chunks.push(chunk);
    } catch (error) {
      if (isFailure(error, "absent", "outside")) return undefined;
      throw error;
    }
    return entryOf(Buffer.concat(chunks).toString());
  }

  async #isOpen(upload: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.#service.listParts(this.#name, upload, undefined, signal);
      return true;
    } catch (error) {
      if (isFailure(error, "no upload", "absent")) return false;
      throw error;
    }
  }
}

/** What is damaged or of another version names no upload. */
function entryOf(text: string): Entry | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const uploadsPrefix = (prefix: string): string => `${prefix}${privateName}/uploads/`;

/** Keys may be as long as names; their digests are not. */
const entryNameOf = (prefix: string, key: string): string =>
  `${uploadsPrefix(prefix)}${createHash("sha256").update(key).digest("hex")}.json`;

/**
 * Abort the uploads of a store that nobody is working on: those that are a day old and got no part for a day. Entries of
 * the journal that are as old and name no open upload are deleted.
 */
export async function sweepUploads(
  service: ObjectService,
  prefix: string,
  signal: AbortSignal | undefined,
  now = Date.now(),
): Promise<void> {
  const isOld = (time: Date): boolean => now - time.getTime() > LEFT_BEHIND;
  const open = new Set<string>();
  for await (const upload of pages((after) => service.listUploads(prefix, after, signal))) {
    if (isOld(upload.begun) && (await restsSince(service, upload, isOld, signal))) {
      await service.abort(upload.name, upload.id, signal);
    } else {
      open.add(entryNameOf(prefix, upload.name.slice(prefix.length)));
    }
  }
  for await (const { name, modified } of pages((after) => service.list(uploadsPrefix(prefix), after, signal))) {
    if (isOld(modified) && !open.has(name)) await service.delete(name, signal);
  }
}

async function restsSince(
  service: ObjectService,
  { name, id }: OpenUpload,
  isOld: (time: Date) => boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    for await (const part of pages((after) => service.listParts(name, id, after, signal))) {
      if (!isOld(part.modified)) return false;
    }
    return true;
  } catch (error) {
    // It was completed or aborted meanwhile.
    if (isFailure(error, "no upload", "absent")) return false;
    throw error;
  }
}

/** The items of all pages, in order. */
export async function* pages<T>(
  page: (after: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | undefined }>,
): AsyncGenerator<T, void, undefined> {
  let next: string | undefined;
  do {
    const { items, next: after } = await page(next);
    yield* items;
    next = after;
  } while (next !== undefined);
}
