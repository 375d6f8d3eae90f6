import * as z from "zod";
import { readObject, type Store } from "../store/index.ts";
import { type Bill, billSchema, MAX_BILL } from "./bill.ts";
import { sumLine } from "./checksums.ts";
import type { Files } from "./files.ts";

const recordSchema = z.object({
  plan: z.string(),
  sha256: z.string().regex(/^[a-f0-9]{64}$/),
  size: z.int().min(0),
  volumes: z.array(z.object({ key: z.string(), size: z.int().min(0), sha256: z.string() })).optional(),
  runs: z.array(z.int().min(1)).optional(),
  traffic: z.object({ moved: z.int().min(0), reused: z.int().min(0), copied: z.int().min(0) }).optional(),
  bill: billSchema,
});

/** What a build took, in bytes. */
export interface Traffic {
  /** Of layers, configs and charts read from registries. */
  readonly moved: number;
  /** That were there already. */
  readonly reused: number;
  /** That the store copied by itself and was not sent. */
  readonly copied: number;
}

/** What is written beside a bundle: it tells the next run that this one need not be built again. */
export interface BuildRecord {
  /** Digest of everything that decided about its bytes. */
  readonly plan: string;
  readonly sha256: string;
  readonly size: number;
  /** Where it was split. */
  readonly volumes?: readonly { readonly key: string; readonly size: number; readonly sha256: string }[] | undefined;
  /** Of one that is gzip: how its content is framed (`gzipStored`), so that any file in it can be found. */
  readonly runs?: readonly number[] | undefined;
  /** Of the build that wrote it. */
  readonly traffic?: Traffic | undefined;
  readonly bill: Bill;
}

export const recordKey = (key: string): string => `${key}.json`;
export const sumsKey = (key: string): string => `${key}.sha256`;
export const volumeSumsKey = (key: string): string => `${key}.volumes.sha256`;

/** @returns undefined when there is none, or one that nobody can read: it proves nothing */
export async function readBuildRecord(
  files: Files,
  key: string,
  signal: AbortSignal | undefined,
): Promise<BuildRecord | undefined> {
  if ((await files.stat(recordKey(key), signal)) === undefined) return undefined;
  const bytes = await readObject(files, recordKey(key), MAX_BILL, signal);
  try {
    return recordSchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

/** Beside the bundle: its checksum, those of its volumes and how to join them, and the record, which counts, last. */
export async function writeBuildRecord(
  store: Store,
  key: string,
  record: BuildRecord,
  signal: AbortSignal,
): Promise<void> {
  const { volumes } = record;
  const file = baseName(key);
  if (volumes !== undefined) {
    const lines = volumes.map(({ key: volume, sha256 }) => sumLine(sha256, baseName(volume)));
    await store.put(volumeSumsKey(key), lines.join(""), { signal });
  }
  const [first, last] = [volumes?.[0], volumes?.at(-1)].map((volume) => volume && baseName(volume.key));
  const join =
    first === undefined
      ? ""
      : `# Join ${first} to ${last}, then check: cat ${quote(file)}.[0-9]* > ${quote(file)} && sha256sum -c ${quote(baseName(sumsKey(key)))}\n`;
  await store.put(sumsKey(key), `${join}${sumLine(record.sha256, file)}`, { signal });
  await store.put(recordKey(key), `${JSON.stringify(record, null, 2)}\n`, { signal });
}

const baseName = (key: string): string => key.slice(key.lastIndexOf("/") + 1);
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
