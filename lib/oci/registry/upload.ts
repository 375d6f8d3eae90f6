import { RejectedError } from "../../errors.ts";
import type { Bytes, PutOptions } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { verified } from "../verify.ts";
import { mount, push } from "./access.ts";
import { BodyFailure } from "./http.ts";
import { retrying } from "./retry.ts";
import type { Transport, WholeAnswer } from "./transport.ts";

/** Before it answers a PUT, a registry may move the whole blob inside its object store. */
const COMMIT_PATIENCE_MS = 600_000;

/**
 * Upload a blob: mounted from another repository where that is possible, else by POST and one PUT with Content-Length,
 * the way every registry knows (GHCR, ECR and Google refuse or break chunked uploads). A failed attempt begins again with
 * a new POST and a newly opened source; what it left at the registry is purged there.
 *
 * @param place the repository's full name, for messages
 */
export async function uploadBlob(
  transport: Transport,
  repository: string,
  place: string,
  descriptor: Descriptor,
  bytes: () => Promise<Bytes>,
  { from, signal }: PutOptions,
): Promise<"written" | "mounted"> {
  const { digest, size } = descriptor;
  const action = `write ${digest} to ${place}`;
  const uploads = `/v2/${repository}/blobs/uploads/`;

  let session: WholeAnswer | undefined;
  if (from !== undefined && from !== repository) {
    session = await tryMount(from);
    if (session?.status === 201) return "mounted";
  }
  try {
    await retrying(attempt, transport.sleep, signal);
  } catch (error) {
    // the source's own failure, already in its own words
    throw error instanceof BodyFailure ? error.cause : error;
  }
  return "written";

  /** @returns 201 when it is mounted, 202 with an upload to use instead, or nothing when mounts are refused */
  async function tryMount(origin: string): Promise<WholeAnswer | undefined> {
    const query = new URLSearchParams({ mount: digest, from: origin });
    try {
      return await transport.request({
        action,
        method: "POST",
        to: `${uploads}?${query}`,
        access: mount(repository, origin),
        expect: [201, 202],
        signal,
      });
    } catch (error) {
      // Harbor answers 401 for an origin it does not know (goharbor/harbor#17097), Artifactory refuses all mounts. If
      // there is more behind it, the plain upload meets it again
      if (error instanceof RejectedError) return undefined;
      throw error;
    }
  }

  async function attempt(): Promise<void> {
    const opened = session ?? (await transport.once({ ...common(), method: "POST", to: uploads, expect: [202] }));
    session = undefined;
    await transport.once({
      ...common(),
      method: "PUT",
      to: commitAddress(opened),
      elsewhere: true,
      headers: { "content-type": "application/octet-stream" },
      body: { size, open: async () => verified(await bytes(), descriptor, "its source") },
      patience: COMMIT_PATIENCE_MS,
      expect: [201],
    });
  }

  function common() {
    return { action, access: push(repository), signal };
  }

  /** The Location with the digest added; the rest of its query is the registry's own and stays byte for byte. */
  function commitAddress(answer: WholeAnswer): URL {
    const location = URL.parse(answer.header("location") ?? "", answer.url.href);
    if (!location || answer.header("location") === undefined) {
      throw new RejectedError("REGISTRY_REFUSED", `Cannot ${action}: the registry names no usable upload address`);
    }
    location.search += `${location.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
    return location;
  }
}
