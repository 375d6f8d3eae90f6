import { createHash } from "node:crypto";
import { RejectedError } from "../../errors.ts";
import { bytesOf } from "../body.ts";
import { quoted } from "../keys.ts";
import type { PartSource, PutOptions, RangeBody } from "../store.ts";
import { inParallel } from "./in-parallel.ts";
import { type Journal, pages } from "./journal.ts";
import { PartBuffers } from "./part-buffers.ts";
import type { PlannedPart } from "./part-plan.ts";
import { type Patience, retrying } from "./retrying.ts";
import { isFailure, type ObjectService, type RemoteObject, type SentPart, ServiceFailure } from "./service.ts";

/** Where a large object goes. */
export interface Destination {
  readonly service: ObjectService;
  readonly name: string;
  readonly key: string;
  readonly patience: Patience;
  /** Bytes of parts in memory at most, if more than one part. */
  readonly memory: number;
  /** Parts under way at most. */
  readonly parallel: number;
}

type Options = Pick<PutOptions, "ifAbsent" | "onPart" | "signal">;

/** Aborting a failed upload must not take for ever, nor be stopped by what stopped the upload. Milliseconds. */
const ABORT_TIME = 30_000;

/**
 * Write an object in planned parts, several at a time.
 *
 * With a journal, the upload is bound to what identifies these bytes: it goes on with one that died or failed, and stays
 * for the next attempt when it fails itself for a reason that may pass. Without, a failed upload is aborted.
 *
 * @param token of the object; with a journal the same for the same plan of the same bytes
 * @returns "present" when `ifAbsent` and another object came first
 */
export async function writeInParts(
  destination: Destination,
  body: RangeBody,
  plan: readonly PlannedPart[],
  token: string,
  journal: Journal | undefined,
  options: Options,
): Promise<"written" | "present"> {
  const { service, name, patience } = destination;
  const { signal } = options;
  const ask = <T>(operation: () => Promise<T>): Promise<T> => retrying(operation, patience, signal);
  const upload = await ask(() => (journal ? journal.open(token, signal) : service.begin(name, token, signal)));
  try {
    const found = journal === undefined ? new Map() : await ask(() => sentParts(service, name, upload, signal));
    const parts = await sendAll(destination, upload, body, plan, found, options);
    const result = await complete(destination, upload, parts, token, options);
    await journal?.close(signal);
    return result;
  } catch (error) {
    if (isFailure(error, "no upload") && (await isWritten(destination, token, signal))) {
      // Another delivery of the same event was faster with the same upload.
      await journal?.close(signal);
      return "written";
    }
    const hopeless =
      journal === undefined || error instanceof RejectedError || isFailure(error, "no part", "no upload");
    if (hopeless) await giveUp(destination, upload, journal);
    throw error;
  }
}

/**
 * Write an object of unknown size, beginning with a part that is there already.
 *
 * Parts grow with the object, so that 10,000 of them are enough for any: a thousand of each size.
 */
export async function writeStream(
  destination: Destination,
  parts: AsyncIterable<Uint8Array>,
  token: string,
  options: Options,
): Promise<"written" | "present"> {
  const { service, name, patience } = destination;
  const { signal } = options;
  const upload = await retrying(() => service.begin(name, token, signal), patience, signal);
  try {
    const sent: SentPart[] = [];
    const send = async ([number, bytes]: readonly [number, Uint8Array], stop: AbortSignal): Promise<void> => {
      sent.push(await retrying(() => service.sendPart(name, upload, number, bytes, stop), patience, stop));
      options.onPart?.(bytes.byteLength, "sent");
    };
    await inParallel(numbered(parts, service, destination.key), 2, send, signal);
    return await complete(destination, upload, sent, token, options);
  } catch (error) {
    await giveUp(destination, upload, undefined);
    throw error;
  }
}

async function* numbered(parts: AsyncIterable<Uint8Array>, { rules }: ObjectService, key: string) {
  let number = 0;
  for await (const part of parts) {
    if (++number > rules.maxParts) {
      throw new RejectedError("STORE_REFUSED", `Cannot put ${quoted(key)}: it has more than ${rules.maxParts} parts`);
    }
    yield [number, part] as const;
  }
}

/** Parts are read in their order, also those that need not be sent: who hashes them on their way reads nothing twice. */
async function sendAll(
  destination: Destination,
  upload: string,
  body: RangeBody,
  plan: readonly PlannedPart[],
  found: ReadonlyMap<number, SentPart>,
  { onPart, signal }: Options,
): Promise<readonly SentPart[]> {
  const { service, name, patience, memory, parallel } = destination;
  const buffers = new PartBuffers();
  const placed: SentPart[] = [];
  let copies = true;
  const place = async (part: PlannedPart, bytes: Uint8Array, stop: AbortSignal): Promise<[SentPart, PartSource]> => {
    const { number, from } = part;
    const before = found.get(number);
    // The bytes of the run that died may have been wrong, in a way that only its end would have shown.
    const confirmed = before && service.confirmed(before, bytes);
    if (confirmed !== undefined) return [confirmed, "found"];
    if (from !== undefined && copies) {
      try {
        const copy = () => service.copyPart(name, upload, number, from, bytes, stop);
        return [await retrying(copy, patience, stop), "copied"];
      } catch (error) {
        // Changed, taken away, or nothing that this service does or allows: the bytes are at hand.
        if (!isFailure(error, "changed", "absent", "outside", "refused", "denied")) throw error;
        if (isFailure(error, "refused", "denied")) copies = false;
      }
    }
    const send = () => service.sendPart(name, upload, number, bytes, stop);
    return [await retrying(send, patience, stop), "sent"];
  };
  const take = async (part: PlannedPart, stop: AbortSignal): Promise<void> => {
    const buffer = buffers.take(part.size);
    const bytes = buffer.subarray(0, part.size);
    await fill(bytes, body, part, stop);
    const [result, how] = await place(part, bytes, stop);
    placed.push(result);
    buffers.give(buffer);
    onPart?.(part.size, how);
  };
  const largest = plan.reduce((size, part) => Math.max(size, part.size), 1);
  await inParallel(plan, Math.max(1, Math.min(parallel, Math.floor(memory / largest))), take, signal);
  return placed;
}

async function fill(
  bytes: Uint8Array,
  body: RangeBody,
  { start, size }: PlannedPart,
  stop: AbortSignal,
): Promise<void> {
  const range = { size, read: (from: number, to: number) => body.read(start + from, start + to, stop) };
  let at = 0;
  for await (const chunk of bytesOf(range, stop)) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
}

/** Join the parts and see to it that the object is what it should be. */
async function complete(
  destination: Destination,
  upload: string,
  unsorted: readonly SentPart[],
  token: string,
  { ifAbsent = false, signal }: Options,
): Promise<"written" | "present"> {
  const { service, name, patience } = destination;
  const parts = unsorted.toSorted((a, b) => a.number - b.number);
  try {
    await retrying(() => service.complete(name, upload, parts, { ifAbsent }, signal), patience, signal);
  } catch (error) {
    // The answer to an attempt that worked may have been lost: then the object is there, and the upload is not.
    if (isFailure(error, "exists", "no upload") && (await isWritten(destination, token, signal))) return "written";
    if (!isFailure(error, "exists")) throw error;
    await retrying(() => service.abort(name, upload, signal), patience, signal);
    return "present";
  }
  await verify(destination, parts, token, signal);
  return "written";
}

async function verify(
  { service, name, patience }: Destination,
  parts: readonly SentPart[],
  token: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const object = await retrying(() => service.head(name, signal), patience, signal);
  if (object === undefined) throw new ServiceFailure("unavailable", "the service lost the object it had confirmed");
  // Somebody else wrote it since.
  if (object.token !== token) return;
  const problem = difference(object, parts, service.checksumOf(parts));
  if (problem === undefined) return;
  await retrying(() => service.delete(name, signal), patience, signal);
  throw new ServiceFailure("unavailable", `${problem}; it was deleted`);
}

function difference(
  object: RemoteObject,
  parts: readonly SentPart[],
  checksum: string | undefined,
): string | undefined {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (object.size !== size) return `the service joined ${object.size} bytes instead of ${size}`;
  const known = checksum !== undefined && object.checksum !== undefined;
  return known && checksum !== object.checksum ? "the service joined other bytes than it was sent" : undefined;
}

/** Whether the object that is there is the one of this token. */
export async function isWritten(
  { service, name, patience }: Pick<Destination, "service" | "name" | "patience">,
  token: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return (await retrying(() => service.head(name, signal), patience, signal))?.token === token;
}

async function giveUp(
  { service, name, patience }: Destination,
  upload: string,
  journal: Journal | undefined,
): Promise<void> {
  const signal = AbortSignal.timeout(ABORT_TIME);
  try {
    await retrying(() => service.abort(name, upload, signal), patience, signal);
    await journal?.close(signal);
  } catch {
    // What cannot be aborted now is swept later; the reason why the upload failed is what people must hear of.
  }
}

async function sentParts(
  service: ObjectService,
  name: string,
  upload: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, SentPart>> {
  const parts = new Map<number, SentPart>();
  for await (const part of pages((after) => service.listParts(name, upload, after, signal)))
    parts.set(part.number, part);
  return parts;
}

/** What binds an upload to the bytes that its parts are of. */
export const planToken = (identity: string, size: number, plan: readonly PlannedPart[]): string =>
  createHash("sha256")
    .update(JSON.stringify([identity, size, plan]))
    .digest("hex");
