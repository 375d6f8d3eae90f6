import { bytesSegment, concat, type Segment } from "../../archive/index.ts";
import type { Reader } from "../../store/index.ts";
import { GZIP_HEADER, gzipTrailer, store as inStoredBlock, type Packed, type PackedSizes } from "./deflated.ts";
import { type Generation, numberName } from "./generation.ts";
import { type Piece, pieceOf, type Row, stored } from "./part.ts";
import { jsonForm, newest, type TextForm, yamlForm } from "./text.ts";

/** The texts of a generation, by the names of their objects. The JSON is kept deflated only. */
export const textNames = ["index.yaml", "index.yaml.gz", "index.json.gz"] as const;
export type TextName = (typeof textNames)[number];

export const textKey = (root: string, number: number, name: TextName): string =>
  `${root}texts/${numberName(number)}/${name}`;

/** How a text is put together from the pieces of parts. */
interface Recipe {
  readonly form: TextForm;
  readonly piece: Piece;
  /** Bytes of a chart's piece. */
  readonly sizeOf: (row: Row) => number;
  /** Absent: the text is plain. */
  readonly packed?: (row: Row) => PackedSizes;
}

const recipes: Readonly<Record<TextName, Recipe>> = {
  "index.yaml": { form: yamlForm, piece: "yaml", sizeOf: ({ yaml }) => yaml.size },
  "index.yaml.gz": {
    form: yamlForm,
    piece: "yamlDeflated",
    sizeOf: ({ yaml }) => yaml.deflated,
    packed: ({ yaml }) => yaml,
  },
  "index.json.gz": {
    form: jsonForm,
    piece: "jsonDeflated",
    sizeOf: ({ json }) => json.deflated,
    packed: ({ json }) => json,
  },
};

/** What is before and between the charts of a text. */
function frameOf({ form, packed }: Recipe, { rows }: Generation): { readonly head: Frame; readonly between: Frame } {
  const newestOfAll = newest(Array.from(rows.values(), (row) => row.newest));
  const texts = { head: Buffer.from(form.head(newestOfAll, rows.size === 0)), between: Buffer.from(form.between) };
  if (packed === undefined) return { head: plain(texts.head), between: plain(texts.between) };
  const [head, between] = [inStoredBlock(texts.head), inStoredBlock(texts.between)];
  return {
    head: { bytes: Buffer.concat([GZIP_HEADER, head.deflated]), packed: head },
    between: { bytes: form.between === "" ? Buffer.of() : between.deflated, packed: between },
  };
}

interface Frame {
  readonly bytes: Uint8Array;
  /** Of a deflated text. */
  readonly packed?: Packed;
}

const plain = (bytes: Uint8Array): Frame => ({ bytes });

/** What is behind the charts of a text. */
function footOf({ form, packed }: Recipe, { rows }: Generation, head: Frame, between: Frame): Uint8Array {
  const text = Buffer.from(form.foot);
  if (packed === undefined) return text;
  const foot = inStoredBlock(text);
  const pieces: Pick<Packed, "size" | "crc">[] = [head.packed!];
  for (const row of rows.values()) {
    if (pieces.length > 1 && between.bytes.byteLength > 0) pieces.push(between.packed!);
    pieces.push(packed(row));
  }
  return Buffer.concat([foot.deflated, gzipTrailer([...pieces, foot])]);
}

/**
 * A text of a generation. What has not changed since `base` is copied from its text, run by run; the rest comes from the
 * parts: nothing is parsed or compressed again.
 *
 * Reading throws RejectedError STORE_NOT_FOUND when a newer generation has taken the place of one of the two.
 *
 * @param base a generation whose texts are there
 */
export function assemble(
  store: Reader,
  root: string,
  name: TextName,
  generation: Generation,
  base: Generation | undefined,
): Segment {
  const recipe = recipes[name];
  const { head, between } = frameOf(recipe, generation);
  const segments: Segment[] = [bytesSegment(head.bytes)];
  const known = base === undefined ? new Map<string, Position>() : positionsIn(base, recipe);
  let run: { start: number; end: number; next: number } | undefined;
  const flush = (): void => {
    if (run !== undefined)
      segments.push(stored(store, textKey(root, base!.number, name), run.start, run.end - run.start));
    run = undefined;
  };
  for (const row of generation.rows.values()) {
    const at = known.get(row.part);
    if (run !== undefined && at?.index === run.next) {
      run = { ...run, end: at.end, next: run.next + 1 };
    } else {
      flush();
      if (segments.length > 1) segments.push(bytesSegment(between.bytes));
      if (at === undefined) segments.push(pieceOf(store, root, row, recipe.piece));
      else run = { start: at.start, end: at.end, next: at.index + 1 };
    }
  }
  flush();
  return concat([...segments, bytesSegment(footOf(recipe, generation, head, between))]);
}

/** Where the piece of a chart lies in a text. */
interface Position {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** By the id of the part. */
function positionsIn(generation: Generation, recipe: Recipe): ReadonlyMap<string, Position> {
  const { head, between } = frameOf(recipe, generation);
  const positions = new Map<string, Position>();
  let start = head.bytes.byteLength;
  for (const row of generation.rows.values()) {
    const end = start + recipe.sizeOf(row);
    positions.set(row.part, { index: positions.size, start, end });
    start = end + between.bytes.byteLength;
  }
  return positions;
}

/** Where the piece of each chart lies in a text, in the order of the text; by the id of its part. */
export const layoutOf = (name: TextName, generation: Generation): ReadonlyMap<string, Position> =>
  positionsIn(generation, recipes[name]);
