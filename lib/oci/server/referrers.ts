import { type Descriptor, type Digest, mediaTypes } from "../descriptor.ts";
import type { Manifest } from "../manifest.ts";
import type { TreeRepository } from "../tree.ts";
import { wantedDigest } from "./blobs.ts";
import { type Answer, type Exchange, json } from "./exchange.ts";
import { held } from "./held.ts";
import { page } from "./lists.ts";

/**
 * GET /v2/<name>/referrers/<digest>: the manifests whose `subject` is the digest. A repository that is not known has none:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 *
 * Nothing is kept for this: the repository's manifests are read each time, which suits a registry of this size.
 */
export async function listReferrers({ repository, name, reference, query }: Exchange): Promise<Answer> {
  const subject = wantedDigest(reference);
  const wanted = query.get("artifactType");
  const { items, headers } = await page(referrersOf(repository, subject, wanted), {
    query,
    path: `/v2/${name}/referrers/${subject}`,
    key: ({ digest }) => digest,
    order: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  });
  return json(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: items },
    {
      "content-type": mediaTypes.ociIndex,
      ...(wanted !== null && { "oci-filters-applied": "artifactType" }),
      ...headers,
    },
  );
}

async function* referrersOf(
  repository: TreeRepository,
  subject: Digest,
  wanted: string | null,
): AsyncIterable<Descriptor> {
  for await (const digest of repository.manifests()) {
    const found = await held(repository, digest);
    if (found?.manifest.subject?.digest !== subject) continue;
    const artifactType = artifactTypeOf(found.manifest);
    if (wanted !== null && artifactType !== wanted) continue;
    const { annotations } = found.manifest;
    yield { ...found.descriptor, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
  }
}

/** An image without a type of its own has its config's. */
const artifactTypeOf = (manifest: Manifest): string | undefined =>
  manifest.artifactType || (manifest.kind === "image" ? manifest.config.mediaType : undefined);
