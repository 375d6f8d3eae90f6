import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type Digest, describe, isDigest } from "../descriptor.ts";
import { childrenOf, MAX_MANIFEST_BYTES, type Manifest, parseManifest, readAll, sniffMediaType } from "../manifest.ts";
import { isTag } from "../reference.ts";
import type { TreeRepository } from "../tree.ts";
import { artifactKind } from "./artifact-kind.ts";
import { isCurrent, wantedDigest } from "./blobs.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { held } from "./held.ts";
import { Refusal, refusing } from "./refusal.ts";
import { atMost, bodyOf } from "./request-body.ts";

/** Layers that stay with their publisher (image-spec v1.1.1 layer.md, Docker's "foreign" layers) are never pushed. */
const ELSEWHERE = /nondistributable|\.foreign\./;
/** More missing parts than these are not worth listing. */
const MAX_DETAILS = 100;

/** GET and HEAD of a manifest. `Accept` is not looked at: there is only one form of it to send. */
export async function getManifest({ repository, name, reference, request }: Exchange): Promise<Answer> {
  if (reference.includes(":")) wantedDigest(reference);
  const found = await refusing(repository.resolve(reference), "CONTENT_UNKNOWN", () => unknown(reference, name));
  const etag = `"${found.digest}"`;
  const headers = { "content-type": found.mediaType, "docker-content-digest": found.digest, etag };
  if (isCurrent(request.headers["if-none-match"], etag)) return { status: 304, headers };
  return {
    status: 200,
    headers: { ...headers, "content-length": found.size },
    body: await readAll(repository, found, MAX_MANIFEST_BYTES),
  };
}

/**
 * PUT of a manifest. It is refused while the repository lacks a part of it, children of an index included, as distribution
 * does (v2.8.3 registry/storage/manifestlisthandler.go). `subject` need not be there: referrers may come first.
 */
export async function putManifest(exchange: Exchange): Promise<Answer> {
  const { repository, name, reference, announce } = exchange;
  const named = reference.includes(":") ? wantedDigest(reference) : wantedTag(reference);
  const { descriptor, manifest, bytes } = await received(exchange);
  const { digest, mediaType } = descriptor;
  if (isDigest(named) && named !== digest) {
    throw new Refusal(400, "DIGEST_INVALID", `Cannot take the manifest as ${named}: it has digest ${digest}`);
  }
  await checkParts(manifest, repository);
  await refusing(
    repository.put(descriptor, async () => Readable.from([bytes])),
    "MANIFEST_INVALID",
    invalid,
  );
  if (named !== digest) {
    // somebody may have deleted it in between
    await refusing(repository.tag(named, descriptor), "CONTENT_UNKNOWN", () => unknown(digest, name));
  }
  await announce({
    action: "pushed",
    repository: name,
    ...(named !== digest && { tag: named }),
    digest,
    mediaType,
    artifactKind: await artifactKind(manifest, repository),
  });
  return {
    status: 201,
    headers: {
      "content-length": 0,
      "docker-content-digest": digest,
      location: `/v2/${name}/manifests/${digest}`,
      ...(manifest.subject && { "oci-subject": manifest.subject.digest }),
    },
  };
}

/**
 * DELETE of a tag, which leaves the manifest, or of a manifest, which takes the tags that name it along.
 *
 * What is not there is announced all the same before it is answered with 404: so a client that was told 503, because the
 * deletion could not be announced, makes up for it by trying again.
 */
export async function deleteManifest({ repository, name, reference, announce }: Exchange): Promise<Answer> {
  const named = reference.includes(":") ? wantedDigest(reference) : reference;
  if (!(await repository.exists())) throw new Refusal(404, "NAME_UNKNOWN", `Cannot find repository "${name}"`);
  const found = await held(repository, named);
  const kind = found === undefined ? "unknown" : await artifactKind(found.manifest, repository);
  await repository.remove(named);
  const digest = found?.descriptor.digest ?? (isDigest(named) ? named : undefined);
  if (isDigest(named) || isTag(named)) {
    await announce({
      action: "deleted",
      repository: name,
      ...(named !== digest && { tag: named }),
      ...(digest && { digest }),
      ...(found && { mediaType: found.descriptor.mediaType }),
      artifactKind: kind,
    });
  }
  if (found === undefined) throw unknown(named, name);
  return { status: 202, headers: { "content-length": 0 } };
}

function wantedTag(text: string): string {
  if (isTag(text)) return text;
  throw new Refusal(400, "TAG_INVALID", `Cannot tag a manifest "${text.slice(0, 200)}"`);
}

/** The manifest in the body, and what its Content-Type and digest are. */
async function received({ request }: Exchange) {
  const tooLarge = () => new Refusal(413, "MANIFEST_INVALID", "Cannot take the manifest: it is larger than 4 MiB");
  const bytes = await buffer(atMost(bodyOf(request), MAX_MANIFEST_BYTES, tooLarge));
  // parameters are to be ignored: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
  const announced = request.headers["content-type"]?.replace(/;.*$/s, "").trim();
  const parsed = async () => {
    const mediaType = announced || sniffMediaType(bytes);
    return { descriptor: describe(mediaType, bytes), manifest: parseManifest(bytes, mediaType), bytes };
  };
  return refusing(parsed(), "MANIFEST_INVALID", invalid);
}

async function checkParts(manifest: Manifest, repository: TreeRepository): Promise<void> {
  const missing = new Set<Digest>();
  for (const part of childrenOf(manifest)) {
    if (missing.has(part.digest) || ELSEWHERE.test(part.mediaType)) continue;
    if (!(await repository.has(part))) missing.add(part.digest);
    if (missing.size >= MAX_DETAILS) break;
  }
  if (missing.size === 0) return;
  throw new Refusal(400, "MANIFEST_BLOB_UNKNOWN", "Cannot take the manifest: not here, or of another size", {
    details: [...missing].map((digest) => ({ digest })),
  });
}

const invalid = ({ message }: Error): Refusal => new Refusal(400, "MANIFEST_INVALID", message);

const unknown = (reference: string, name: string): Refusal =>
  new Refusal(404, "MANIFEST_UNKNOWN", `Cannot find "${reference.slice(0, 200)}" in "${name}"`);
