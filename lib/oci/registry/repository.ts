import { RejectedError } from "../../errors.ts";
import { Bounded } from "../bounded.ts";
import { streamOf } from "../bytes.ts";
import type { Bytes, Target } from "../content.ts";
import { type Descriptor, type Digest, describe, isDigest, isManifest, manifestMediaTypes } from "../descriptor.ts";
import { MAX_MANIFEST_BYTES, sniffMediaType } from "../manifest.ts";
import { isRepository, isTag } from "../reference.ts";
import { readReferrer } from "../referrers.ts";
import { arriving, verified } from "../verify.ts";
import { type Access, pull, push, remove } from "./access.ts";
import { openBlob } from "./download.ts";
import { bodyOf, collectBody } from "./http.ts";
import { listTags } from "./pages.ts";
import { addReferrer, listReferrers } from "./referrers.ts";
import { type Answer, type RegistryRequest, type Transport, typeOf, type WholeAnswer } from "./transport.ts";
import { uploadBlob } from "./upload.ts";

/** All in one header: registries convert or hide what is not named. */
const ACCEPT = manifestMediaTypes.join(", ");

/**
 * One repository of a registry, by https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md.
 *
 * Forgetting may be switched off at the registry (405), or not be known for tags (distribution 2.8 answers 400): that is
 * REGISTRY_REFUSED.
 *
 * @throws RejectedError REFERENCE_INVALID
 */
export function openRepository(transport: Transport, repository: string): Target {
  if (!isRepository(repository)) {
    throw new RejectedError(
      "REFERENCE_INVALID",
      `Cannot open repository "${repository.slice(0, 300)}" of ${transport.host}`,
    );
  }
  const name = `docker://${transport.host}/${repository}`;
  const remembered = new Bounded<string, Uint8Array>(MAX_MANIFEST_BYTES, ({ byteLength }) => byteLength);

  /** A request about a manifest, by tag or digest. */
  function about(action: string, reference: string, access: Access, signal: AbortSignal | undefined) {
    const to = `/v2/${repository}/manifests/${reference}`;
    return { action, access, signal, to, headers: { accept: ACCEPT }, limit: MAX_MANIFEST_BYTES };
  }

  /** Content of another size is damaged, or a manifest lies about it: neither is what was asked for. */
  async function has({ mediaType, digest, size }: Descriptor, access: Access, signal?: AbortSignal): Promise<boolean> {
    const action = `look for ${digest} in ${name}`;
    const request = about(action, digest, access, signal);
    const to = isManifest(mediaType) ? request.to : `/v2/${repository}/blobs/${digest}`;
    const answer = await transport.request({ ...request, to, method: "HEAD", expect: [200, 404] });
    // a login page in the way says 200 to everything
    if (answer.status === 200 && typeOf(answer) === "text/html") throw notContent(action, "text/html");
    return answer.status === 200 && Number(answer.header("content-length") ?? size) === size;
  }

  /** Describe a manifest by its bytes. */
  async function measured(request: RegistryRequest): Promise<Descriptor> {
    const answer = await transport.request(request);
    const found = describe(manifestTypeOf(request.action, answer), answer.bytes);
    agree(request.action, found.digest, answer);
    return found;
  }

  async function fetchManifest(wanted: Descriptor, signal?: AbortSignal): Promise<Bytes> {
    const request = about(`read ${wanted.digest} from ${name}`, wanted.digest, pull(repository), signal);
    const { bytes } = await transport.request({ ...request, method: "GET", expect: [200] });
    return verified(streamOf(bytes), wanted, name);
  }

  async function putManifest(
    reference: string,
    { mediaType, digest }: Descriptor,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const action = `write ${reference === digest ? digest : `tag "${reference}"`} to ${name}`;
    const answer = await transport.request({
      ...about(action, reference, push(repository), signal),
      method: "PUT",
      headers: { "content-type": mediaType },
      body: bodyOf(bytes),
      expect: [200, 201, 202],
    });
    agree(action, digest, answer);
    return answer;
  }

  return {
    name,
    shared: { place: `docker://${transport.host}`, repository },

    async resolve(reference, signal) {
      const action = `resolve "${reference.slice(0, 200)}" in ${name}`;
      requireReference(action, reference);
      const request = about(action, reference, pull(repository), signal);
      const head = await transport.request({ ...request, method: "HEAD", expect: [200, 405] });
      // a HEAD is free where manifests are counted (Docker Hub), but not every registry says all of this
      const found = announced(head) ?? (await measured({ ...request, method: "GET", expect: [200] }));
      if (isDigest(reference) && found.digest !== reference) throw mismatch(action, found.digest, reference);
      return found;
    },

    async open(descriptor, options = {}) {
      const { start = 0, end = descriptor.size - 1, signal } = options;
      if (!isManifest(descriptor.mediaType)) return openBlob(transport, repository, name, descriptor, options);
      const bytes = await fetchManifest(descriptor, signal);
      if (start === 0 && end >= descriptor.size - 1) return bytes;
      // ranges of manifests are not part of the protocol, and manifests are small
      return streamOf((await whole(bytes)).subarray(start, end + 1));
    },

    tags: (signal) =>
      listTags(transport, repository, { action: `list the tags of ${name}`, access: pull(repository), signal }),

    referrers: (subject, options) => listReferrers(transport, repository, name, subject, options),

    has: (descriptor, signal) => has(descriptor, pull(repository), signal),

    async put(descriptor, bytes, options = {}) {
      const { from, absent, signal } = options;
      if (from !== undefined && !isRepository(from)) {
        throw new RejectedError(
          "REFERENCE_INVALID",
          `Cannot mount from "${from.slice(0, 300)}": it is not a repository`,
        );
      }
      // asked with the scope that writing needs, so that one token does for both
      const isHere = () => has(descriptor, push(repository), signal);
      if (!isManifest(descriptor.mediaType)) {
        return uploadBlob({ transport, repository, place: name, descriptor, bytes, options, has: isHere });
      }
      requireManifest(descriptor);
      if (!absent && (await isHere())) return "present";
      const manifest = await whole(arriving(bytes, descriptor, options));
      const answer = await putManifest(descriptor.digest, descriptor, manifest, signal);
      remembered.set(descriptor.digest, manifest);
      const referring = answer.header("oci-subject") === undefined ? readReferrer(descriptor, manifest) : undefined;
      if (referring !== undefined) await addReferrer(transport, repository, name, referring, signal);
      return "written";
    },

    async tag(tag, descriptor, signal) {
      if (!isTag(tag)) {
        throw new RejectedError("REFERENCE_INVALID", `Cannot tag ${name}: "${tag.slice(0, 200)}" is not a tag`);
      }
      requireManifest(descriptor);
      const bytes = remembered.get(descriptor.digest) ?? (await whole(await fetchManifest(descriptor, signal)));
      await putManifest(tag, descriptor, bytes, signal);
    },

    async remove(reference, signal) {
      const action = `remove "${reference.slice(0, 200)}" from ${name}`;
      requireReference(action, reference);
      const request = about(action, reference, remove(repository), signal);
      await transport.request({ ...request, method: "DELETE", expect: [200, 202, 404] });
      remembered.delete(reference);
    },
  };
}

/** What the head of an answer says about a manifest, if it says everything. */
function announced(head: Answer): Descriptor | undefined {
  const digest = head.header("docker-content-digest") ?? "";
  const size = Number(head.header("content-length") ?? Number.NaN);
  const mediaType = typeOf(head);
  const complete = head.status === 200 && isManifest(mediaType) && isDigest(digest) && size > 0;
  return complete ? { mediaType, digest, size } : undefined;
}

/** Types a registry may use that does not know better. */
const VAGUE = new Set(["", "application/json", "application/octet-stream", "text/plain"]);

/** @throws RejectedError MANIFEST_INVALID, REGISTRY_REFUSED */
function manifestTypeOf(action: string, answer: WholeAnswer): string {
  const type = typeOf(answer);
  const mediaType = VAGUE.has(type) ? sniffMediaType(answer.bytes) : type;
  if (isManifest(mediaType)) return mediaType;
  throw notContent(action, mediaType);
}

const notContent = (action: string, type: string): RejectedError =>
  new RejectedError(
    "REGISTRY_REFUSED",
    `Cannot ${action}: the registry answered ${type.slice(0, 100)}, which is neither OCI nor Docker schema 2`,
  );

/** A digest the registry names must be the one of the bytes; one it does not name, or names otherwise, proves nothing. */
function agree(action: string, digest: Digest, answer: Answer): void {
  const named = answer.header("docker-content-digest") ?? "";
  if (isDigest(named) && named !== digest) throw mismatch(action, named, digest);
}

const mismatch = (action: string, actual: Digest, wanted: Digest): RejectedError =>
  new RejectedError("CONTENT_MISMATCH", `Cannot ${action}: the registry names ${actual} where ${wanted} is meant`);

function requireReference(action: string, reference: string): void {
  if (isTag(reference) || isDigest(reference)) return;
  throw new RejectedError("REFERENCE_INVALID", `Cannot ${action}: it is neither a tag nor a digest`);
}

function requireManifest({ mediaType, digest, size }: Descriptor): void {
  if (isManifest(mediaType) && size <= MAX_MANIFEST_BYTES) return;
  throw new RejectedError(
    "MANIFEST_INVALID",
    `Cannot take ${digest} for a manifest: it is ${mediaType} of ${size} bytes`,
  );
}

/** Only for manifests, whose size is bounded before. */
async function whole(body: Bytes): Promise<Uint8Array> {
  return (await collectBody({ body }, MAX_MANIFEST_BYTES))!;
}
