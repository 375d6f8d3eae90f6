import { ServiceFailure, unquoted } from "../objects/service.ts";

/** What an answer says of the bytes that the service has. */
interface Arrived {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
}

/** @returns the ETag as checksum, when it is one */
export function checkArrived(answer: Arrived, md5: Buffer): string | undefined {
  const sum = checksumIn(answer, md5);
  if (sum === "other") throw new ServiceFailure("unavailable", "the service got other bytes than it was sent");
  return sum;
}

/** The ETag, when it is the MD5 of these bytes; "other" when it is that of others; undefined when it is none. */
export function checksumIn({ ETag, ServerSideEncryption }: Arrived, md5: Buffer): string | "other" | undefined {
  const etag = unquoted(ETag);
  if (etag === md5.toString("hex")) return etag;
  return ServerSideEncryption === undefined && isMd5(etag) ? "other" : undefined;
}

export const isMd5 = (etag: string): boolean => /^[0-9a-f]{32}$/.test(etag);
export const isJoined = (etag: string): boolean => /^[0-9a-f]{32}-\d+$/.test(etag);
