import { RejectedError, TransientError } from "../../errors.ts";
import { streamOf } from "../bytes.ts";
import type { Bytes, OpenOptions } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { verified } from "../verify.ts";
import { pull } from "./access.ts";
import { errorOfConnection } from "./failure.ts";
import { abandon, ConnectionFailure } from "./http.ts";
import { backoff } from "./retry.ts";
import type { Answer, Transport } from "./transport.ts";

const MAX_RESUMES = 3;
/** After so many bytes, a transfer that breaks is not the one that broke before. */
const RESUMED_BYTES = 8 * 1024 * 1024;

/**
 * Open a blob. A transfer that breaks off goes on from the byte it reached, three times in a row at most; hashing goes on
 * with it, so a whole read is verified as one. A partial read is checked for its length.
 *
 * @param place the repository's full name, for messages
 * @throws RejectedError CONTENT_UNKNOWN; CONTENT_MISMATCH when the registry already announces another size
 */
export async function openBlob(
  transport: Transport,
  repository: string,
  place: string,
  descriptor: Descriptor,
  { start = 0, end = descriptor.size - 1, signal }: OpenOptions,
): Promise<Bytes> {
  const { digest, size } = descriptor;
  const stop = Math.min(end + 1, size);
  const whole = start === 0 && stop === size;
  if (!whole && start >= stop) return streamOf(Buffer.of());

  const action = `read ${digest} from ${place}`;
  const mismatch = (why: string): RejectedError => new RejectedError("CONTENT_MISMATCH", `Cannot ${action}: ${why}`);
  const first = await openAt(start);
  return whole ? verified(resuming(), descriptor, place) : resuming();

  /** The bytes from an offset on. */
  async function openAt(from: number): Promise<Bytes> {
    const partial = from > 0 || stop < size;
    const answer = await transport.stream({
      action,
      method: "GET",
      to: `/v2/${repository}/blobs/${digest}`,
      access: pull(repository),
      headers: { range: partial ? `bytes=${from}-${stop - 1}` : undefined },
      expect: partial ? [200, 206] : [200],
      signal,
    });
    const lie = answer.status === 206 ? lieAboutRange(answer, from, size) : lieAboutLength(answer, size);
    if (lie !== undefined) {
      await abandon(answer);
      throw mismatch(lie);
    }
    // a store behind a redirect may ignore Range and send everything
    return partial && answer.status === 200 ? between(answer.body, from, stop) : answer.body;
  }

  async function* resuming(): Bytes {
    let body = first;
    let at = start;
    let brokeAt = start;
    for (let resumes = 0; ; resumes += 1) {
      try {
        for await (const chunk of body) {
          at += chunk.byteLength;
          if (at > stop) throw mismatch("more bytes came than were asked for");
          yield chunk;
        }
        break;
      } catch (error) {
        if (!(error instanceof ConnectionFailure)) throw error;
        if (at === stop) break;
        if (at - brokeAt >= RESUMED_BYTES) resumes = 0;
        if (resumes === MAX_RESUMES) throw errorOfConnection(action, error);
        brokeAt = at;
      }
      await transport.patience.clock.sleep(backoff(1), signal);
      body = await openAt(at);
    }
    if (at < stop) throw new TransientError("CONTENT_MISMATCH", `Cannot ${action}: it ended ${stop - at} bytes early`);
  }
}

/** @returns what is wrong with the range that came */
function lieAboutRange(answer: Answer, from: number, size: number): string | undefined {
  const range = answer.header("content-range") ?? "";
  const [, offset, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(offset) === from && (total === "*" || Number(total) === size)) return undefined;
  return `asked for the bytes from ${from} of ${size}, got "${range.slice(0, 60)}"`;
}

/** @returns what is wrong with the length that is announced */
function lieAboutLength(answer: Answer, size: number): string | undefined {
  const length = answer.header("content-length");
  return length === undefined || Number(length) === size
    ? undefined
    : `it has ${length} bytes instead of the promised ${size}`;
}

async function* between(bytes: Bytes, start: number, stop: number): Bytes {
  let at = 0;
  for await (const chunk of bytes) {
    const wanted = chunk.subarray(Math.max(start - at, 0), Math.max(stop - at, 0));
    if (wanted.byteLength > 0) yield wanted;
    at += chunk.byteLength;
    if (at >= stop) return;
  }
}
