import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** A blob, or one range of it. */
export function giveBlob(request: IncomingMessage, response: ServerResponse, blob: Buffer): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(from ?? 0);
  const end = to ? Math.min(Number(to), blob.byteLength - 1) : blob.byteLength - 1;
  const bytes = blob.subarray(start, end + 1);
  response.setHeader("content-length", bytes.byteLength);
  if (from !== undefined) response.setHeader("content-range", `bytes ${start}-${end}/${blob.byteLength}`);
  response.writeHead(from === undefined ? 200 : 206).end(request.method === "HEAD" ? undefined : bytes);
}

/** Answer with an error in the registries' own form. */
export function refuse(response: ServerResponse, status: number, code: string, message = "no"): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

export function sendJson(response: ServerResponse, value: unknown, type = "application/json"): void {
  response.setHeader("content-type", type);
  response.end(JSON.stringify(value));
}

export async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** `repository:a:pull,push` → one string for each action. */
export function split(scope: string): readonly string[] {
  const colon = scope.lastIndexOf(":");
  if (colon < 0) return [];
  return scope
    .slice(colon + 1)
    .split(",")
    .map((action) => `${scope.slice(0, colon)}:${action}`);
}
