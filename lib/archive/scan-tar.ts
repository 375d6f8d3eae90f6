import { SegmentReader } from "./byte-reader.ts";
import { paddingOf } from "./header.ts";
import type { Segment } from "./segments.ts";
import { type EntryHead, type ReadLimits, tarEntries, truncated } from "./tar-entries.ts";

/** An entry as it was found, and where its content lies. */
export interface FoundEntry extends EntryHead {
  /** First byte of its content, counted from the start of the archive. */
  readonly offset: number;
}

/**
 * Find what is in a tar, reading nothing but headers: as strict as `readTar`, by the same code.
 *
 * An entry that is given lies within the archive with all its bytes. The archive is sound only once the last was given.
 *
 * @throws RejectedError ARCHIVE_INVALID; errors of the segment pass as they are
 */
export async function* scanTar(
  archive: Segment,
  limits: ReadLimits,
  signal?: AbortSignal,
): AsyncGenerator<FoundEntry, void, undefined> {
  const reader = new SegmentReader(archive, signal);
  for await (const entry of tarEntries(reader, limits)) {
    const offset = reader.position;
    const end = offset + entry.size + paddingOf(entry.size);
    if (end > archive.size) throw truncated();
    yield { ...entry, offset };
    reader.position = end;
  }
}
