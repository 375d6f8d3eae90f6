/**
 * Bits of a polynomial over GF(2) modulo the one of CRC-32, the coefficient of x^0 in the highest bit: the form that
 * zlib's crc32.c works in (https://github.com/madler/zlib/blob/v1.3.1/crc32.c, multmodp and x2nmodp).
 */
const modulus = 0xedb88320;
const one = 0x80000000;
/** x^8: what one more byte behind a text multiplies its CRC by. */
const oneByte = 0x00800000;

/**
 * The CRC-32 of two texts one after the other, from their own.
 *
 * @param secondSize bytes of the second text
 */
export function joinCrc32(first: number, second: number, secondSize: number): number {
  let shift = one;
  let square = oneByte;
  for (let left = secondSize; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) shift = multiply(shift, square);
    square = multiply(square, square);
  }
  return (multiply(shift, first) ^ second) >>> 0;
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= b;
    b = (b & 1) === 1 ? (b >>> 1) ^ modulus : b >>> 1;
  }
  return product >>> 0;
}
