import { createHash, randomUUID } from "node:crypto";

export interface FakeObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly modified: Date;
  readonly token: string | undefined;
  /** Of OSS, except for what was copied. */
  readonly crc: bigint | undefined;
}

export interface FakePart {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly crc: bigint | undefined;
  modified: Date;
}

export interface FakeUpload {
  readonly id: string;
  readonly name: string;
  readonly token: string | undefined;
  begun: Date;
  readonly parts: Map<number, FakePart>;
}

/** An answer in the service's form. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/** What a bucket holds, and the rules of parts. */
export class Bucket {
  readonly objects = new Map<string, FakeObject>();
  readonly uploads = new Map<string, FakeUpload>();
  readonly #minPart: number;
  readonly #sum: (bytes: Uint8Array) => bigint | undefined;

  constructor(minPart: number, kind: "oss" | "s3") {
    this.#minPart = minPart;
    this.#sum = kind === "oss" ? crc64Xz : () => undefined;
  }

  put(name: string, bytes: Buffer, token: string | undefined): FakeObject {
    const object = { bytes, etag: md5(bytes), modified: new Date(), token, crc: this.#sum(bytes) };
    this.objects.set(name, object);
    return object;
  }

  object(name: string): FakeObject {
    const object = this.objects.get(name);
    if (object === undefined) throw new Refusal(404, "NoSuchKey");
    return object;
  }

  begin(name: string, token: string | undefined): FakeUpload {
    const upload = { id: randomUUID().replaceAll("-", ""), name, token, begun: new Date(), parts: new Map() };
    this.uploads.set(upload.id, upload);
    return upload;
  }

  upload(name: string, id: string): FakeUpload {
    const upload = this.uploads.get(id);
    if (upload?.name !== name) throw new Refusal(404, "NoSuchUpload");
    return upload;
  }

  addPart(upload: FakeUpload, number: number, bytes: Buffer, isCopy: boolean): FakePart {
    if (!(number >= 1 && number <= 10_000)) throw new Refusal(400, "InvalidArgument");
    const part = { bytes, etag: md5(bytes), crc: isCopy ? undefined : this.#sum(bytes), modified: new Date() };
    upload.parts.set(number, part);
    return part;
  }

  /** @param listed number and ETag of each part, as the client sends them */
  complete(upload: FakeUpload, listed: readonly (readonly [number, string])[]): FakeObject {
    const parts = listed.map(([number, etag], index) => {
      if (index > 0 && number <= listed[index - 1]![0]) throw new Refusal(400, "InvalidPartOrder");
      const part = upload.parts.get(number);
      if (part === undefined || part.etag !== etag) throw new Refusal(400, "InvalidPart");
      return part;
    });
    if (parts.length === 0) throw new Refusal(400, "MalformedXML");
    if (parts.slice(0, -1).some((part) => part.bytes.byteLength < this.#minPart))
      throw new Refusal(400, "EntityTooSmall");
    const sums = createHash("md5");
    for (const part of parts) sums.update(part.etag, "hex");
    const bytes = Buffer.concat(parts.map((part) => part.bytes));
    const crc = parts.every((part) => part.crc !== undefined) ? this.#sum(bytes) : undefined;
    const etag = `${sums.digest("hex")}-${parts.length}`;
    const object = { bytes, etag, modified: new Date(), token: upload.token, crc };
    this.objects.set(upload.name, object);
    this.uploads.delete(upload.id);
    return object;
  }
}

export const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");

/** Bit after bit, so that it shares nothing with what it is compared to; words of 32 bits, so that it is quick enough. */
export function crc64Xz(bytes: Uint8Array): bigint {
  let [lo, hi] = [0xffffffff, 0xffffffff];
  for (const byte of bytes) {
    const index = (lo ^ byte) & 0xff;
    const [l, h] = byByte[index]!;
    lo = (((lo >>> 8) | (hi << 24)) ^ l) >>> 0;
    hi = ((hi >>> 8) ^ h) >>> 0;
  }
  return (BigInt(~hi >>> 0) << 32n) | BigInt(~lo >>> 0);
}

const byByte = Array.from({ length: 256 }, (_, byte) => {
  let [lo, hi] = [byte, 0];
  for (let bit = 0; bit < 8; bit++) {
    const carry = lo & 1;
    lo = ((lo >>> 1) | (hi << 31)) >>> 0;
    hi >>>= 1;
    if (carry) [lo, hi] = [(lo ^ 0xd7870f42) >>> 0, (hi ^ 0xc96c5795) >>> 0];
  }
  return [lo, hi] as const;
});
