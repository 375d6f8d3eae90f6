import { RejectedError, StowageError, TransientError } from "../../errors.ts";
import type { Bytes, PutOptions } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { arriving } from "../verify.ts";
import { type Access, mount, push } from "./access.ts";
import { errorOfAnswer, parseRefusal } from "./failure.ts";
import { BodyFailure, type HttpBody } from "./http.ts";
import { openParts } from "./parts.ts";
import { retrying } from "./retry.ts";
import type { Transport, WholeAnswer } from "./transport.ts";

/** Before it answers a PUT, a registry may move the whole blob inside its object store. */
const COMMIT_PATIENCE_MS = 600_000;
const MIB = 1024 * 1024;
/** What is tried in turn where a proxy in front of a registry does not say how much it lets through: nginx starts at 1 MiB. */
const PART_BYTES = [64 * MIB, 16 * MIB, 4 * MIB, MIB];

export interface Upload {
  readonly transport: Transport;
  readonly repository: string;
  /** The repository's full name, for messages. */
  readonly place: string;
  readonly descriptor: Descriptor;
  readonly bytes: () => Promise<Bytes>;
  readonly options: PutOptions;
  /** Whether the blob is here. */
  readonly has: () => Promise<boolean>;
}

/**
 * Upload a blob: mounted from another repository where that is possible, else by POST and one PUT with Content-Length,
 * the way every registry knows (GHCR, ECR and Google refuse or break chunked uploads). Where one request may not carry so
 * much, it goes in parts. A failed attempt begins again with a new POST and a newly opened source; what it left at the
 * registry is purged there.
 */
export async function uploadBlob(upload: Upload): Promise<"written" | "mounted" | "present"> {
  const { transport, repository, place, descriptor, options, has } = upload;
  const { from, absent, signal } = options;
  const { digest, size } = descriptor;
  const action = `write ${digest} to ${place}`;
  const uploads = `/v2/${repository}/blobs/uploads/`;

  // an upload that is open already, or nothing
  let session = from === undefined || from === repository ? undefined : await tryMount(from);
  if (session?.status === 201) return "mounted";
  if (!absent && (await has())) {
    if (session) await cancel(session);
    return "present";
  }
  for (;;) {
    const limit = transport.known.uploadLimit;
    try {
      const refusal = await retrying(() => attempt(limit), { ...transport.patience, onlyWaits: true }, signal);
      if (refusal === undefined) return "written";
      takeLess(refusal, Math.min(limit, size));
    } catch (error) {
      // the source's own failure, already in its own words
      throw error instanceof BodyFailure ? error.cause : error;
    }
  }

  /** @returns 201 when it is mounted, 202 with an upload to use instead, or nothing when mounts are refused */
  async function tryMount(origin: string): Promise<WholeAnswer | undefined> {
    const to = `${uploads}?${new URLSearchParams({ mount: digest, from: origin })}`;
    try {
      return await transport.request({ ...about(mount(repository, origin)), method: "POST", to, expect: [201, 202] });
    } catch (error) {
      // Harbor answers 401 for an origin it does not know (goharbor/harbor#17097), Artifactory refuses all mounts. If
      // there is more behind it, the plain upload meets it again
      if (error instanceof RejectedError) return undefined;
      throw error;
    }
  }

  /** Give an upload up that nobody needs. A registry that does not take that purges it later. */
  async function cancel(opened: WholeAnswer): Promise<void> {
    try {
      await transport.request({ ...about(), method: "DELETE", to: addressOf(opened), expect: [202, 204, 404] });
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
    }
  }

  /** @returns the answer of somebody who does not let so much through, or nothing when it is done */
  async function attempt(limit: number): Promise<WholeAnswer | undefined> {
    const opened = session ?? (await transport.once({ ...about(), method: "POST", to: uploads, expect: [202] }));
    session = undefined;
    if (size <= limit) return commit(opened, { size, open: async () => content() });
    return attemptInParts(opened, Math.max(limit, Number(opened.header("oci-chunk-min-length")) || 0));
  }

  /** @returns as `attempt` */
  async function attemptInParts(opened: WholeAnswer, part: number): Promise<WholeAnswer | undefined> {
    const sentTwice = new TransientError("REGISTRY_UNAVAILABLE", `Cannot ${action}: its credentials ended on the way`);
    // a place for writing before one for reading, as where the body is opened by the request itself
    const pass = await transport.enter({ action, signal });
    try {
      await using parts = openParts(content(), sentTwice);
      let at = opened;
      for (let start = 0; ; start += part) {
        const end = Math.min(start + part, size);
        // the last part goes with the PUT: an empty one has upset ECR (https://github.com/cirruslabs/tart/issues/159)
        if (end === size) return await commit(at, parts.last(end - start), start);
        at = await sendPart(at, parts.next(end - start), start);
        if (at.status === 413) return at;
      }
    } catch (error) {
      throw error instanceof BodyFailure && error.cause === sentTwice ? sentTwice : error;
    } finally {
      pass.leave();
    }
  }

  /**
   * @param start the first byte, where it is the last of several parts
   * @returns as `attempt`
   */
  async function commit(opened: WholeAnswer, body: HttpBody, start?: number): Promise<WholeAnswer | undefined> {
    const to = addressOf(opened);
    // the rest of its query is the registry's own and stays byte for byte
    to.search += `${to.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
    const answer = await send("PUT", to, body, [201, 413], start);
    return answer.status === 413 ? answer : undefined;
  }

  async function sendPart(opened: WholeAnswer, body: HttpBody, start: number): Promise<WholeAnswer> {
    const answer = await send("PATCH", addressOf(opened), body, [202, 413], start);
    // distribution 2.8 takes any Content-Range, so what it has is what counts
    const sent = `0-${start + body.size - 1}`;
    const range = answer.header("range")?.replace(/^bytes=/, "") ?? sent;
    if (answer.status === 413 || range === sent) return answer;
    throw refused(`the registry has the bytes ${range.slice(0, 60)} where it was sent ${sent}`);
  }

  function send(method: "PUT" | "PATCH", to: URL, body: HttpBody, expect: readonly number[], start?: number) {
    const isPart = start !== undefined;
    const range = isPart ? `${start}-${start + body.size - 1}` : undefined;
    const headers = { "content-type": "application/octet-stream", "content-range": range };
    const how = { elsewhere: true, patience: COMMIT_PATIENCE_MS, within: isPart, expect };
    return transport.once({ ...about(), ...how, method, to, headers, body });
  }

  /** Find out how much a request may carry. What a registry itself finds too large is not made smaller by parts. */
  function takeLess(answer: WholeAnswer, tried: number): void {
    const less = PART_BYTES.find((bytes) => bytes < tried);
    if (less === undefined || parseRefusal(answer.bytes)) throw errorOfAnswer(action, answer);
    transport.known.uploadLimit = Math.min(transport.known.uploadLimit, less);
  }

  function content(): Bytes {
    return arriving(upload.bytes, descriptor, options);
  }

  function addressOf(answer: WholeAnswer): URL {
    const location = answer.header("location");
    const address = location === undefined ? null : URL.parse(location, answer.url.href);
    return address ?? raise(refused("the registry names no usable upload address"));
  }

  function about(access: Access = push(repository)) {
    return { action, access, signal };
  }

  function refused(why: string): RejectedError {
    return new RejectedError("REGISTRY_REFUSED", `Cannot ${action}: ${why}`);
  }
}

function raise(error: Error): never {
  throw error;
}
