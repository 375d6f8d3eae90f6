import { streamOf } from "./bytes.ts";
import type { Target } from "./content.ts";
import { type Descriptor, describe, mediaTypes } from "./descriptor.ts";
import { MAX_MANIFEST_BYTES, readAll } from "./manifest.ts";
import { type Referring, readReferrer, referrersTag, withReferrer } from "./referrers.ts";
import { resolveIfThere } from "./resolve-if-there.ts";
import type { Turns } from "./turns.ts";
import { whereaboutsOf } from "./whereabouts.ts";

/**
 * Name a manifest in the list of its subject's referrers, if it has a subject: as clients do where nobody else does. It is
 * best done before the manifest is there: a list may name what is missing, but nobody looks for what it does not name.
 *
 * @param turns of all who change lists of this target
 */
export async function listReferrer(
  target: Target,
  descriptor: Descriptor,
  bytes: Uint8Array,
  turns: Turns,
  signal?: AbortSignal,
): Promise<void> {
  const referring = readReferrer(descriptor, bytes);
  if (referring === undefined) return;
  const { place, repository } = whereaboutsOf(target);
  const key = `referrers of ${referring.subject} in ${place} ${repository}`;
  await turns.take(key, () => addReferrer(target, referring, signal), signal);
}

async function addReferrer(target: Target, { subject, referrer }: Referring, signal?: AbortSignal): Promise<void> {
  const tag = referrersTag(subject);
  const list = await resolveIfThere(target, tag, signal);
  const bytes = withReferrer(list && (await readAll(target, list, MAX_MANIFEST_BYTES, signal)), referrer);
  if (bytes === undefined) return;
  const longer = describe(mediaTypes.ociIndex, bytes);
  await target.put(longer, async () => streamOf(bytes), { signal });
  await target.tag(tag, longer, signal);
}
