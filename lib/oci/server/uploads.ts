import type { IncomingMessage } from "node:http";
import { type Digest, isDigest } from "../descriptor.ts";
import { isRepository } from "../reference.ts";
import type { Upload } from "../tree.ts";
import { wantedDigest } from "./blobs.ts";
import { parseChunkRange } from "./byte-range.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { Refusal, refusing } from "./refusal.ts";
import { atMost, bodyOf, contentLength } from "./request-body.ts";

// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs

/** POST: mount the blob, take it whole with this request, or open an upload for those that follow. */
export async function startUpload(exchange: Exchange): Promise<Answer> {
  const { repository, name, query } = exchange;
  const mount = query.get("mount") ?? "";
  const from = query.get("from") ?? "";
  // whatever cannot be mounted becomes an upload
  if (isDigest(mount) && isRepository(from) && (await repository.mount(mount, from))) return created(name, mount);

  const announced = query.get("digest");
  const digest = announced === null ? undefined : wantedDigest(announced);
  using upload = await repository.startUpload();
  if (digest === undefined) return accepted(name, upload);
  try {
    await receive(upload, exchange);
    return await finish(upload, digest, name);
  } catch (error) {
    // the client does not know its id, so nobody could go on with it
    await upload.cancel();
    throw error;
  }
}

/** GET: how far an upload has come. */
export async function uploadStatus({ repository, name, reference }: Exchange): Promise<Answer> {
  const size = await repository.uploadSize(reference);
  if (size === undefined) throw unknownUpload(reference);
  return { status: 204, headers: whereabouts(name, { id: reference, size }) };
}

/** PATCH: the next bytes of an upload. */
export async function continueUpload(exchange: Exchange): Promise<Answer> {
  using upload = await taken(exchange);
  await receive(upload, exchange);
  return accepted(exchange.name, upload);
}

/** PUT: the last bytes of an upload, if any are missing, and the digest of the whole. */
export async function finishUpload(exchange: Exchange): Promise<Answer> {
  const digest = wantedDigest(exchange.query.get("digest") ?? "");
  using upload = await taken(exchange);
  await receive(upload, exchange);
  return finish(upload, digest, exchange.name);
}

/** DELETE: give an upload up. */
export async function cancelUpload(exchange: Exchange): Promise<Answer> {
  using upload = await taken(exchange);
  await upload.cancel();
  return { status: 204 };
}

async function taken({ repository, reference }: Exchange): Promise<Upload> {
  const upload = await repository.takeUpload(reference);
  if (upload === undefined) throw unknownUpload(reference);
  return upload;
}

/** Append the body. A client that goes away leaves what has arrived, to go on from there. */
async function receive(upload: Upload, { request, name, maxBlobSize }: Exchange): Promise<void> {
  const length = contentLength(request);
  checkChunk(request, length, upload, name);
  const room = maxBlobSize - upload.size;
  try {
    if (length !== undefined && length > room) throw tooLarge(maxBlobSize);
    await upload.append(atMost(bodyOf(request), room, () => tooLarge(maxBlobSize)));
  } catch (error) {
    if (error instanceof Refusal) await upload.cancel();
    throw error;
  }
}

/** A chunk says where it belongs, and belongs where the last one ended; what docker streams says nothing. */
function checkChunk(request: IncomingMessage, length: number | undefined, upload: Upload, name: string): void {
  const header = request.headers["content-range"];
  if (header === undefined) return;
  const chunk = parseChunkRange(header);
  if (chunk === undefined) {
    throw new Refusal(400, "BLOB_UPLOAD_INVALID", `Cannot read Content-Range "${header.slice(0, 100)}"`);
  }
  if (chunk.start !== upload.size) {
    const message = `Cannot take a chunk from byte ${chunk.start}: the upload has ${upload.size} bytes`;
    throw new Refusal(416, "BLOB_UPLOAD_INVALID", message, { headers: whereabouts(name, upload) });
  }
  if (length !== chunk.end - chunk.start + 1) {
    throw new Refusal(400, "SIZE_INVALID", `Cannot take chunk ${header}: its Content-Length is ${length ?? "missing"}`);
  }
}

async function finish(upload: Upload, digest: Digest, name: string): Promise<Answer> {
  await refusing(
    upload.finish(digest),
    "CONTENT_MISMATCH",
    ({ message }) => new Refusal(400, "DIGEST_INVALID", message),
  );
  return created(name, digest);
}

const created = (name: string, digest: Digest): Answer => ({
  status: 201,
  headers: { "content-length": 0, "docker-content-digest": digest, location: `/v2/${name}/blobs/${digest}` },
});

/** Where an upload goes on. Nothing yet looks like one byte, as in distribution: clients expect a range. */
const whereabouts = (name: string, { id, size }: Pick<Upload, "id" | "size">) => ({
  "docker-upload-uuid": id,
  location: `/v2/${name}/blobs/uploads/${id}`,
  range: `0-${Math.max(0, size - 1)}`,
});

const accepted = (name: string, upload: Upload): Answer => ({
  status: 202,
  headers: { "content-length": 0, ...whereabouts(name, upload) },
});

const tooLarge = (limit: number): Refusal =>
  new Refusal(413, "SIZE_INVALID", `Cannot take the blob: it has more than ${limit} bytes`);

const unknownUpload = (id: string): Refusal =>
  new Refusal(404, "BLOB_UPLOAD_UNKNOWN", `Cannot find upload "${id.slice(0, 100)}"`);
