import type { ListDefect } from "../images/lists.ts";
import type { Store } from "../store/index.ts";
import type { ImageResult } from "./image.ts";

/** How a run ended: report.json. */
export interface MirrorReport {
  /** Whether every image is at the target now; of a dry run: whether nothing would stand in the way. */
  readonly complete: boolean;
  readonly dryRun: boolean;
  /** Why nothing was begun; null when it was. */
  readonly refused: { readonly code: string; readonly message: string } | null;
  readonly seconds: number;
  /** In the order of the lists. */
  readonly images: readonly ImageResult[];
  /** Of the lists; at most 1,000 of each severity. */
  readonly defects: readonly ListDefect[];
  readonly errors: number;
  readonly warnings: number;
}

/** What lies in the place of a report while a run goes on, and after one that did not come to its end. */
export const unfinishedReport: MirrorReport = {
  complete: false,
  dryRun: false,
  refused: { code: "UNFINISHED", message: "The run has not come to its end" },
  seconds: 0,
  images: [],
  defects: [],
  errors: 0,
  warnings: 0,
};

/** A report in numbers. */
export interface MirrorSummary extends Pick<MirrorReport, "complete" | "seconds"> {
  readonly images: number;
  readonly copied: number;
  readonly present: number;
  readonly missing: number;
  readonly denied: number;
  readonly failed: number;
  readonly bytes: number;
  readonly reused: number;
}

export function summarize({ complete, seconds, images }: MirrorReport): MirrorSummary {
  const count = (wanted: ImageResult["status"]): number => images.filter(({ status }) => status === wanted).length;
  return {
    complete,
    images: images.length,
    copied: count("copied"),
    present: count("present"),
    missing: count("missing"),
    denied: count("denied"),
    failed: count("failed"),
    bytes: images.reduce((sum, { bytes }) => sum + bytes, 0),
    reused: images.reduce((sum, { reused }) => sum + reused, 0),
    seconds,
  };
}

/** Why a run is incomplete, in a sentence; undefined when it is not. */
export function reasonOf({ refused, images }: MirrorReport): string | undefined {
  if (refused) return refused.message;
  const failed = images.filter(({ error }) => error !== null);
  const [first] = failed;
  return first && `${failed.length} of ${images.length} images failed, first ${first.source}: ${first.error}`;
}

/**
 * Write `report.json`, `miss_image.txt` (as pulled, what the source failed at) and `miss_push_image.txt` (as pushed, what
 * the target failed at) below a prefix. What earlier runs left is replaced or removed.
 *
 * Gates look whether a miss file exists (OEM-W8): there is none when the run is complete, and always one when it is not.
 * A run that was not begun has a comment in `miss_image.txt`. The report comes last, so one that says complete has no miss
 * files beside it.
 *
 * @param prefix empty, or ending with a slash
 * @returns the key of the report
 */
export async function writeReport(
  store: Store,
  prefix: string,
  report: MirrorReport,
  signal: AbortSignal,
): Promise<string> {
  const at = (side: ImageResult["side"]) => report.images.filter((image) => image.side === side);
  const notPulled = report.refused ? [`# ${report.refused.message}`] : at("source").map(({ source }) => source);
  const notPushed = at("target").map(({ target }) => target);
  await putLines(store, `${prefix}miss_image.txt`, notPulled, signal);
  await putLines(store, `${prefix}miss_push_image.txt`, notPushed, signal);
  const key = `${prefix}report.json`;
  await store.put(key, `${JSON.stringify(report, null, 2)}\n`, { signal });
  return key;
}

async function putLines(store: Store, key: string, lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0) await store.delete(key, signal);
  else await store.put(key, lines.map((line) => `${line}\n`).join(""), { signal });
}
