/** How many parts have one size before the next ones are twice as large. */
const PARTS_OF_A_SIZE = 1000;

export interface StreamPart {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/**
 * A stream in parts: each of them owns its bytes, all but the last are full. They grow with their number, so that a part
 * count that is limited suffices for any stream: with 8 MiB at first, 10,000 parts hold 8 TB.
 *
 * Gives nothing for a stream without bytes. A part is given when it is known whether another one follows.
 */
export async function* inChunksOf(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<StreamPart, void, undefined> {
  let full: Buffer | undefined;
  let count = 0;
  let pieces: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; ) {
      if (full !== undefined) {
        yield { bytes: full, isLast: false };
        full = undefined;
      }
      const wanted = size * 2 ** Math.floor(count / PARTS_OF_A_SIZE);
      const piece = Uint8Array.from(chunk.subarray(at, at + wanted - held));
      pieces.push(piece);
      held += piece.byteLength;
      at += piece.byteLength;
      if (held < wanted) continue;
      full = Buffer.concat(pieces);
      pieces = [];
      held = 0;
      count++;
    }
  }
  if (full !== undefined) yield { bytes: full, isLast: held === 0 };
  if (held > 0) yield { bytes: Buffer.concat(pieces), isLast: true };
}
