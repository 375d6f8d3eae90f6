import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { Segment } from "../../archive/index.ts";
import { RejectedError } from "../../errors.ts";
import type { Reader } from "../../store/index.ts";
import { type PackedSizes, pack, sizesOf } from "./deflated.ts";
import { type ChartFile, type FoldedChart, foldChart, sortClaims } from "./fold.ts";
import { type Claim, claimSchema } from "./record.ts";
import { jsonForm, newest, yamlForm } from "./text.ts";

const packedSchema: z.ZodType<PackedSizes> = z.object({ size: z.int(), crc: z.int(), deflated: z.int() });

/** One chart of a generation: which part holds it, and how long the pieces of that part are. */
export const rowSchema = z.object({
  name: z.string(),
  /** Id of the part: no two parts have the same. */
  part: z.uuid(),
  /** How many versions the index has of it. */
  versions: z.int(),
  /** The newest `created` of them. */
  newest: z.string(),
  /** Bytes. */
  files: z.int(),
  claims: z.int(),
  yaml: packedSchema,
  json: packedSchema,
});
export type Row = Readonly<z.output<typeof rowSchema>>;

/** The pieces of a part, in their order. The JSON is there deflated only. */
export type Piece = "files" | "claims" | "yaml" | "yamlDeflated" | "jsonDeflated";

const lengthsOf = ({ files, claims, yaml, json }: Row): readonly (readonly [Piece, number])[] => [
  ["files", files],
  ["claims", claims],
  ["yaml", yaml.size],
  ["yamlDeflated", yaml.deflated],
  ["jsonDeflated", json.deflated],
];

/** A part that is not stored yet. */
export interface Part {
  readonly row: Row;
  readonly bytes: Uint8Array;
  readonly folded: FoldedChart;
}

/** @param claims of one chart, at least one */
export function makePart(name: string, claims: readonly Claim[]): Part {
  const folded = foldChart(claims);
  const files = Buffer.from(JSON.stringify(folded.files));
  const kept = Buffer.from(JSON.stringify(sortClaims(claims)));
  const text = Buffer.from(yamlForm.chart(name, folded.entries));
  const yaml = pack(text);
  const json = pack(Buffer.from(jsonForm.chart(name, folded.entries)));
  const row: Row = {
    name,
    part: randomUUID(),
    versions: folded.entries.length,
    newest: newest(folded.entries.map(({ created }) => created)),
    files: files.byteLength,
    claims: kept.byteLength,
    yaml: sizesOf(yaml),
    json: sizesOf(json),
  };
  return { row, bytes: Buffer.concat([files, kept, text, yaml.deflated, json.deflated]), folded };
}

export const partKey = (root: string, id: string): string => `${root}parts/${id}`;

/** A piece of a stored part. Reading throws RejectedError STORE_NOT_FOUND when the part was replaced and removed. */
export function pieceOf(store: Reader, root: string, row: Row, piece: Piece): Segment {
  let offset = 0;
  for (const [name, size] of lengthsOf(row)) {
    if (name === piece) return stored(store, partKey(root, row.part), offset, size);
    offset += size;
  }
  throw new TypeError(`a part has no ${piece}`);
}

/** A range of an object. */
export const stored = (store: Reader, key: string, offset: number, size: number): Segment => ({
  name: key,
  size,
  async *read(start, end, signal) {
    if (start === end) return;
    const { body } = await store.get(key, { start: offset + start, end: offset + end, signal });
    yield* body;
  },
});

const claimsSchema = z.array(claimSchema);
const filesSchema = z.custom<Readonly<Record<string, ChartFile>>>(
  (value) => typeof value === "object" && value !== null,
  "are not the files of a chart",
);

/** The tags that hold a chart. @throws RejectedError STORE_NOT_FOUND, STORE_OBJECT_INVALID */
export const readClaims = (store: Reader, root: string, row: Row, signal?: AbortSignal): Promise<readonly Claim[]> =>
  readPiece(store, root, row, "claims", claimsSchema, signal);

/** Where the downloads of a chart lie, by file name. @throws RejectedError STORE_NOT_FOUND, STORE_OBJECT_INVALID */
export const readFiles = (
  store: Reader,
  root: string,
  row: Row,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, ChartFile>>> => readPiece(store, root, row, "files", filesSchema, signal);

async function readPiece<T>(
  store: Reader,
  root: string,
  row: Row,
  piece: Piece,
  schema: z.ZodType<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const segment = pieceOf(store, root, row, piece);
  const chunks = await Array.fromAsync(segment.read(0, segment.size, signal));
  const read = schema.safeParse(parseJson(Buffer.concat(chunks).toString("utf8")));
  if (read.success) return read.data;
  throw new RejectedError("STORE_OBJECT_INVALID", `Cannot read "${segment.name}": it does not hold the ${piece}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no schema takes it
  }
}
