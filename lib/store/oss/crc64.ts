/**
 * CRC-64/XZ, as OSS tells it in x-oss-hash-crc64ecma: the polynomial of ECMA-182, reflected, all ones at the beginning and
 * the end. The check value of "123456789" is 995dc9bbdf1939fa (https://reveng.sourceforge.io/crc-catalogue/17plus.htm).
 *
 * Sums are two halves of 32 bits here: numbers are an order of magnitude faster than bigints.
 */
const POLYNOMIAL = 0xc96c5795d7870f42n;
const STEPS = 8;

const low = new Uint32Array(256 * STEPS);
const high = new Uint32Array(256 * STEPS);
let ready = false;

/** `low` and `high` at 256 k + b: the sum of byte b with k zero bytes behind it. Made on first use. */
function prepare(): void {
  if (ready) return;
  for (let byte = 0; byte < 256; byte++) {
    let sum = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1n) === 1n ? (sum >> 1n) ^ POLYNOMIAL : sum >> 1n;
    low[byte] = Number(sum & 0xffffffffn);
    high[byte] = Number(sum >> 32n);
  }
  for (let at = 256; at < 256 * STEPS; at++) {
    const before = at - 256;
    const byte = low[before]! & 0xff;
    low[at] = ((low[before]! >>> 8) | (high[before]! << 24)) ^ low[byte]!;
    high[at] = (high[before]! >>> 8) ^ high[byte]!;
  }
  ready = true;
}

/** @returns the sum in decimal, as the header has it */
export function crc64(bytes: Uint8Array): string {
  prepare();
  let lo = 0xffffffff;
  let hi = 0xffffffff;
  let at = 0;
  const words = bytes.byteLength - (bytes.byteLength % STEPS);
  for (; at < words; at += STEPS) {
    // Eight bytes at a time: the further a byte is from the end, the more zero bytes it has behind it.
    const l = lo ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    const h = hi ^ (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24));
    const a = 1792 + (l & 0xff);
    const b = 1536 + ((l >>> 8) & 0xff);
    const c = 1280 + ((l >>> 16) & 0xff);
    const d = 1024 + (l >>> 24);
    const e = 768 + (h & 0xff);
    const f = 512 + ((h >>> 8) & 0xff);
    const g = 256 + ((h >>> 16) & 0xff);
    const i = h >>> 24;
    lo = low[a]! ^ low[b]! ^ low[c]! ^ low[d]! ^ low[e]! ^ low[f]! ^ low[g]! ^ low[i]!;
    hi = high[a]! ^ high[b]! ^ high[c]! ^ high[d]! ^ high[e]! ^ high[f]! ^ high[g]! ^ high[i]!;
  }
  for (; at < bytes.byteLength; at++) {
    const byte = (lo ^ bytes[at]!) & 0xff;
    lo = ((lo >>> 8) | (hi << 24)) ^ low[byte]!;
    hi = (hi >>> 8) ^ high[byte]!;
  }
  return (((BigInt(~hi >>> 0) << 32n) | BigInt(~lo >>> 0)) & 0xffffffffffffffffn).toString();
}

/** The sum of byte strings in a row, from the sum and the size of each. */
export function joinCrc64(parts: Iterable<{ readonly sum: string; readonly size: number }>): string {
  // Parts are of a few sizes, and a matrix is dear.
  const shifts = new Map<number, Matrix>();
  let joined = 0n;
  for (const { sum, size } of parts) {
    let shift = shifts.get(size);
    if (shift === undefined) {
      shift = zeroBytes(size);
      shifts.set(size, shift);
    }
    joined = times(shift, joined) ^ BigInt(sum);
  }
  return joined.toString();
}

/** What bits that follow do to each bit of a sum. */
type Matrix = readonly bigint[];

function zeroBytes(count: number): Matrix {
  let all: Matrix = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
  // Each one stands for twice as many zero bytes as the one before.
  let power = squared(squared(squared(oneZeroBit())));
  for (let left = BigInt(count); left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) all = all.map((column) => times(power, column));
    power = squared(power);
  }
  return all;
}

const oneZeroBit = (): Matrix => [POLYNOMIAL, ...Array.from({ length: 63 }, (_, bit) => 1n << BigInt(bit))];

function times(matrix: Matrix, vector: bigint): bigint {
  let sum = 0n;
  for (let bit = 0; vector !== 0n; bit++, vector >>= 1n) if ((vector & 1n) === 1n) sum ^= matrix[bit]!;
  return sum;
}

const squared = (matrix: Matrix): Matrix => matrix.map((column) => times(matrix, column));
