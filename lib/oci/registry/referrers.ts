import { RejectedError, TransientError } from "../../errors.ts";
import type { ReferrersOptions } from "../content.ts";
import { type Descriptor, type Digest, isIndex, mediaTypes } from "../descriptor.ts";
import { MAX_MANIFEST_BYTES } from "../manifest.ts";
import { parseReferrers, type Referring, referrersTag, withReferrer } from "../referrers.ts";
import { pull, push } from "./access.ts";
import { parseRefusal } from "./failure.ts";
import { bodyOf } from "./http.ts";
import { follow, type Listing, page } from "./pages.ts";
import { type RegistryRequest, type Transport, typeOf, type WholeAnswer } from "./transport.ts";

/** How often a list is written anew because somebody else has changed it. */
const MAX_WRITES = 5;

/**
 * The referrers of a manifest: by the API, else by the list that clients keep under a tag
 * (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers).
 *
 * @param place the repository's full name, for messages
 */
export async function* listReferrers(
  transport: Transport,
  repository: string,
  place: string,
  subject: Digest,
  { signal, tags }: ReferrersOptions = {},
): AsyncGenerator<Descriptor> {
  const listing = { action: `list what refers to ${subject} in ${place}`, access: pull(repository), signal };
  const first = await askApi(transport, listing, `/v2/${repository}/referrers/${subject}`);
  if (first !== undefined) {
    yield* follow(transport, listing, first, ({ bytes }) => parseReferrers(bytes, mediaTypes.ociIndex, place));
    return;
  }
  const tag = referrersTag(subject);
  if (tags !== undefined && !tags.has(tag)) return;
  const list = await getList(transport, repository, listing, tag);
  // a name that somebody uses for something else is no list
  if (list !== undefined && isIndex(typeOf(list))) yield* parseReferrers(list.bytes, typeOf(list), place);
}

/** How registries say that they do not know a repository; NOT_FOUND is Harbor's word for it. */
const UNKNOWN_REPOSITORY = ["NAME_UNKNOWN", "NOT_FOUND"];

/**
 * The first page of the API. A registry that does not speak it says so with any refusal, or with a page for people, and is
 * not asked again; one that only does not know the repository, or does not let everybody look, may say else next time.
 */
async function askApi(transport: Transport, listing: Listing, to: string): Promise<WholeAnswer | undefined> {
  if (transport.known.lacksReferrers) return undefined;
  const headers = { accept: mediaTypes.ociIndex };
  try {
    const answer = await transport.request({ ...page(listing, to), headers, expect: [200, 404] });
    if (answer.status === 200 && typeOf(answer) === mediaTypes.ociIndex) return answer;
    transport.known.lacksReferrers = !UNKNOWN_REPOSITORY.includes(parseRefusal(answer.bytes)?.code ?? "");
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    transport.known.lacksReferrers = error.code !== "REGISTRY_DENIED";
  }
  return undefined;
}

/**
 * Name a manifest in the list of its subject's referrers, which is the client's business where the registry does not do it
 * (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject). The protocol
 * has no lock: the list is written only if it is still what was read, where the registry heeds that, and read again
 * afterwards, since another client may have written over it.
 *
 * @throws TransientError REGISTRY_UNAVAILABLE when others keep writing over it
 */
export async function addReferrer(
  transport: Transport,
  repository: string,
  place: string,
  { subject, referrer }: Referring,
  signal?: AbortSignal,
): Promise<void> {
  const tag = referrersTag(subject);
  const request = { action: `list ${referrer.digest} as referrer in ${place}`, access: push(repository), signal };
  const add = async () => {
    for (let writes = 0; ; writes += 1) {
      const list = await getList(transport, repository, request, tag);
      const longer = withReferrer(list?.bytes, referrer);
      if (longer === undefined) return;
      if (writes === MAX_WRITES) {
        throw new TransientError("REGISTRY_UNAVAILABLE", `Cannot ${request.action}: others keep changing the list`);
      }
      await transport.request({
        ...request,
        method: "PUT",
        to: `/v2/${repository}/manifests/${tag}`,
        headers: { "content-type": mediaTypes.ociIndex, "if-match": list?.header("etag") },
        body: bodyOf(longer),
        expect: [200, 201, 202, 412],
      });
    }
  };
  await transport.known.turns.take(`referrers ${repository} ${subject}`, add, signal);
}

async function getList(
  transport: Transport,
  repository: string,
  request: Pick<RegistryRequest, "action" | "access" | "signal">,
  tag: string,
): Promise<WholeAnswer | undefined> {
  const to = `/v2/${repository}/manifests/${tag}`;
  const headers = { accept: mediaTypes.ociIndex };
  const limit = MAX_MANIFEST_BYTES;
  const answer = await transport.request({ ...request, method: "GET", to, headers, limit, expect: [200, 404] });
  return answer.status === 200 ? answer : undefined;
}
