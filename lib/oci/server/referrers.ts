import { type Descriptor, mediaTypes } from "../descriptor.ts";
import { wantedDigest } from "./blobs.ts";
import { type Answer, type Exchange, json } from "./exchange.ts";
import { page } from "./lists.ts";

/**
 * GET /v2/<name>/referrers/<digest>: the manifests whose `subject` is the digest. A repository that is not known has none:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function listReferrers({ repository, name, reference, query }: Exchange): Promise<Answer> {
  const subject = wantedDigest(reference);
  const wanted = query.get("artifactType");
  const { items, headers } = await page(filtered(repository.referrers(subject), wanted), {
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

async function* filtered(referrers: AsyncIterable<Descriptor>, artifactType: string | null): AsyncIterable<Descriptor> {
  for await (const one of referrers) if (artifactType === null || one.artifactType === artifactType) yield one;
}
