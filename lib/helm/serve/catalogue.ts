import { promisify } from "node:util";
import { inflateRaw, constants as zlib } from "node:zlib";
import { bytesSegment, concat } from "../../archive/index.ts";
import { hexOf } from "../../oci/index.ts";
import { layoutOf } from "../index/assemble.ts";
import { GZIP_HEADER, gzipTrailer, store as inStoredBlock } from "../index/deflated.ts";
import type { IndexEntry } from "../index/fold.ts";
import type { Head } from "../index/head.ts";
import type { Row } from "../index/part.ts";
import { jsonForm } from "../index/text.ts";
import { asStored, inflated, type Representation, textOf } from "./representation.ts";
import type { ServedIndex } from "./served-index.ts";

const TYPE = "application/json; charset=utf-8";

/** Which charts of a list are wanted: `limit` from the one at `offset`, by name. */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}

/**
 * Charts with all their versions, by name, as ChartMuseum lists them (`GET /api/charts`): cut out of the text of the
 * index, as it is compressed there.
 */
export async function listCharts(
  index: ServedIndex,
  head: Head | undefined,
  { offset, limit }: Page,
  gzip: boolean,
): Promise<Representation> {
  const generation = head && (await index.generation(head));
  const rows = [...(generation?.rows.values() ?? [])].slice(offset, offset + limit);
  if (head === undefined || generation === undefined || rows.length === 0) return textOf(TYPE, "{}", '"empty"');
  const layout = layoutOf("index.json.gz", generation);
  const { start } = layout.get(rows[0]!.part)!;
  const { end } = layout.get(rows.at(-1)!.part)!;
  const text = await index.text(head, "index.json.gz");
  const [open, comma, close] = ["{", jsonForm.between, "}"].map((piece) => inStoredBlock(Buffer.from(piece)));
  const pieces = rows.flatMap(({ json }, at) => (at === 0 ? [json] : [comma!, json]));
  const packed = concat([
    bytesSegment(Buffer.concat([GZIP_HEADER, open!.deflated])),
    { size: end - start, read: (from, to, signal) => text.read(start + from, start + to, signal) },
    bytesSegment(Buffer.concat([close!.deflated, gzipTrailer([open!, ...pieces, close!])])),
  ]);
  const tag = `${hexOf(head.texts["index.json.gz"].digest)}-${offset}-${rows.length}`;
  const about = { type: TYPE, vary: "Accept-Encoding" };
  return gzip
    ? { ...about, ...asStored(packed.size, tag, async () => packed), encoding: "gzip" }
    : inflated(packed, tag, about);
}

/** All versions of a chart, the newest first. @returns undefined when there is no such chart */
export async function showChart(index: ServedIndex, head: Head, name: string): Promise<Representation | undefined> {
  const row = (await index.generation(head)).rows.get(name);
  return row && textOf(TYPE, await versionsOf(index, head, row), `"${row.part}"`);
}

/**
 * One version of a chart; `latest` is the newest that is no prerelease. ChartMuseum also takes ranges of versions; this
 * does not.
 *
 * @returns what is not there, in helm's words, which ChartMuseum passes on
 */
export async function showVersion(
  index: ServedIndex,
  head: Head,
  name: string,
  version: string,
): Promise<Representation | string> {
  const row = (await index.generation(head)).rows.get(name);
  if (row === undefined) return "no chart name found";
  const versions = JSON.parse(await versionsOf(index, head, row)) as readonly IndexEntry[];
  const at = versions.findIndex((entry) =>
    version === "latest" ? isRelease(entry.version) : entry.version === version,
  );
  if (at < 0) return `no chart version found for ${name}-${version}`;
  return textOf(TYPE, JSON.stringify(versions[at]), `"${row.part}.${at}"`);
}

/** What has no prerelease; of versions that are none, none is. */
const isRelease = (version: string): boolean => /^v?\d+(?:\.\d+){0,2}(?:\+.*)?$/.test(version);

/** The list of a chart's versions, as JSON. */
async function versionsOf(index: ServedIndex, head: Head, row: Row): Promise<string> {
  const { start, end } = layoutOf("index.json.gz", await index.generation(head)).get(row.part)!;
  const text = await index.text(head, "index.json.gz");
  const packed = Buffer.concat(await Array.fromAsync(text.read(start, end)));
  // a piece has no block that says it is the last
  const options = { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: row.json.size };
  const piece = (await promisify(inflateRaw)(packed, options)).toString("utf8");
  return piece.slice(JSON.stringify(row.name).length + 1);
}
