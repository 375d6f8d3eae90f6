import type { EventData } from "../events/index.ts";
import { chartReference } from "./chart-reference.ts";
import { fileName, type IndexEntry } from "./index-fold.ts";
import type { IndexRecord } from "./index-record.ts";
import type { IndexUpdate } from "./index-update.ts";

type Data = EventData<"dev.stowage.index.updated.v1">;

/** An event carries at most 64 KiB. */
const MAX_CHARTS = 50;

/**
 * What to tell about an update of the index.
 *
 * @param brought records that the running event brought: they count as added even when an earlier delivery of the same
 *   event wrote them, or a writer at the same time folded them in, since nobody may have told of them yet
 * @returns undefined when nothing changed
 */
export function indexChanges(update: IndexUpdate, brought: readonly IndexRecord[]): Data | undefined {
  const { digest, charts, files, changed, removed } = update;
  const told = new Set([...update.added, ...changed].map(fileName));
  const added = [
    ...update.added.map((entry) => toChart(entry, files)),
    ...brought.filter(({ metadata }) => !told.has(fileName(metadata)) && fileName(metadata) in files).map(fromRecord),
  ];
  if (added.length + changed.length + removed.length === 0) return undefined;
  return {
    digest,
    charts,
    added: added.slice(0, MAX_CHARTS),
    changed: changed.slice(0, MAX_CHARTS).map((entry) => toChart(entry, files)),
    removed: removed.slice(0, MAX_CHARTS).map(({ name, version }) => ({ name, version })),
    truncated: [added, changed, removed].some(({ length }) => length > MAX_CHARTS),
  };
}

const toChart = (entry: IndexEntry, files: IndexUpdate["files"]): Data["added"][number] => ({
  name: entry.name,
  version: entry.version,
  digest: `sha256:${entry.digest}`,
  reference: chartReference(files[fileName(entry)]!),
});

const fromRecord = (record: IndexRecord): Data["added"][number] => ({
  name: record.metadata.name,
  version: record.metadata.version,
  digest: record.chart.digest,
  reference: chartReference(record),
});
