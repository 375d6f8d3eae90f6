/** The name of the list of checksums in a bundle. */
export const SUMS = "SHA256SUMS";

const HEX_DIGITS = 64;

/** A line as sha256sum writes and reads it: the digest in hex, two blanks, the path. */
export const sumLine = (sha256: string, path: string): string => `${sha256}  ${path}\n`;

/** Bytes of {@linkcode sumLine}. */
export const sumLineSize = (path: string): number => HEX_DIGITS + 2 + Buffer.byteLength(path) + 1;

/** Paths and digests of a list; comments are passed over. @returns undefined where a line is none */
export function parseSums(text: string): ReadonlyMap<string, string> | undefined {
  const sums = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, sum, path] = /^([a-f0-9]{64}) [ *](.+)$/.exec(line) ?? [];
    if (sum === undefined || path === undefined || sums.has(path)) return undefined;
    sums.set(path, sum);
  }
  return sums;
}
