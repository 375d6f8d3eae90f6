import { type Descriptor, type Digest, isDigest } from "../descriptor.ts";
import { parseRange } from "./byte-range.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { Refusal, refusing } from "./refusal.ts";

/** @throws Refusal DIGEST_INVALID */
export function wantedDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new Refusal(400, "DIGEST_INVALID", `Cannot read digest "${text.slice(0, 100)}": it is not sha256`);
}

/** GET and HEAD of a blob, whole or one range of it. */
export async function getBlob(exchange: Exchange): Promise<Answer> {
  const { repository, request } = exchange;
  const blob = await wantedBlob(exchange);
  const { digest } = blob;
  const etag = `"${digest}"`;
  const headers = {
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag,
  };
  if (isCurrent(request.headers["if-none-match"], etag)) return { status: 304, headers };

  const condition = request.headers["if-range"];
  const range =
    condition === undefined || condition === etag ? parseRange(request.headers.range, blob.size) : undefined;
  if (range === "unsatisfiable") {
    throw new Refusal(416, "SIZE_INVALID", `Cannot send that range: ${digest} has ${blob.size} bytes`, {
      headers: { "content-range": `bytes */${blob.size}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: blob.size - 1 };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      "content-length": end - start + 1,
      ...(range && { "content-range": `bytes ${start}-${end}/${blob.size}` }),
    },
    // asked for as a range even where it is the whole: it was verified when it came, and the client verifies it again
    body: await repository.open(blob, { start, end }),
  };
}

export async function deleteBlob(exchange: Exchange): Promise<Answer> {
  const { digest } = await wantedBlob(exchange);
  await exchange.repository.removeBlob(digest);
  return { status: 202, headers: { "content-length": 0, "docker-content-digest": digest } };
}

function wantedBlob({ repository, name, reference }: Exchange): Promise<Descriptor> {
  const digest = wantedDigest(reference);
  return refusing(
    repository.blob(digest),
    "CONTENT_UNKNOWN",
    () => new Refusal(404, "BLOB_UNKNOWN", `Cannot find blob ${digest} in "${name}"`),
  );
}

/** Whether the client already has what it asks for: https://www.rfc-editor.org/rfc/rfc9110.html#section-13.1.2 */
export const isCurrent = (ifNoneMatch: string | undefined, etag: string): boolean =>
  (ifNoneMatch ?? "").split(",").some((one) => [etag, `W/${etag}`, "*"].includes(one.trim()));
