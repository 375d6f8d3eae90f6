import { RejectedError } from "../../errors.ts";
import { Bounded } from "../bounded.ts";
import type { Source } from "../content.ts";
import type { Descriptor, Digest } from "../descriptor.ts";
import { referrersTag } from "../referrers.ts";
import { resolveIfThere } from "../resolve-if-there.ts";
import { Turns } from "../turns.ts";
import { whereaboutsOf } from "../whereabouts.ts";

/** A signature, attestation or SBOM. */
export interface Attached {
  readonly descriptor: Descriptor;
  /** By what name it is found; absent for what is found by its subject. */
  readonly tag?: string;
}

/** Tags that are remembered, of all repositories together. */
const MAX_LISTED = 200_000;
/** Whoever has more tags is asked for single ones: with a hundred on a page, listing takes as many requests as this. */
const MAX_TAGS = 10_000;
/** What cosign calls the things it attaches: https://github.com/sigstore/cosign/blob/v2.4.1/specs/SIGNATURE_SPEC.md */
const COSIGN = [".sig", ".att", ".sbom"] as const;

/**
 * Finds what belongs to a manifest without being a part of it: by cosign's tags and by OCI's referrers.
 *
 * What that costs: one listing of the tags of each repository, whatever the number of its images; and one request for
 * each manifest where the registry speaks the referrers API. A registry that does not costs no more, since the tags say
 * what it has.
 */
export class Attachments {
  readonly #lists = new Bounded<string, ReadonlySet<string> | "unknown">(MAX_LISTED, (tags) =>
    tags === "unknown" ? 1 : 1 + tags.size,
  );
  readonly #turns = new Turns();

  /** @throws whatever the source throws */
  async *to(subject: Digest, source: Source, signal?: AbortSignal): AsyncGenerator<Attached> {
    const tags = await this.#tagsOf(source, signal);
    for (const tag of COSIGN.map((ending) => `${referrersTag(subject)}${ending}`)) {
      const descriptor = tags === "unknown" || tags.has(tag) ? await resolveIfThere(source, tag, signal) : undefined;
      if (descriptor !== undefined) yield { descriptor, tag };
    }
    const known = tags === "unknown" ? {} : { tags };
    for await (const descriptor of source.referrers?.(subject, { signal, ...known }) ?? []) yield { descriptor };
  }

  /** The tags that can belong to attachments, asked for once. */
  async #tagsOf(source: Source, signal?: AbortSignal): Promise<ReadonlySet<string> | "unknown"> {
    const { place, repository } = whereaboutsOf(source);
    const key = `${place} ${repository}`;
    const list = async () => {
      const known = this.#lists.get(key) ?? (await listTags(source, signal));
      this.#lists.set(key, known);
      return known;
    };
    return this.#turns.take(key, list, signal);
  }
}

async function listTags(source: Source, signal?: AbortSignal): Promise<ReadonlySet<string> | "unknown"> {
  const found = new Set<string>();
  let count = 0;
  try {
    for await (const name of source.tags(signal)) {
      count += 1;
      if (count > MAX_TAGS) return "unknown";
      // layouts and archives may give whole references
      const tag = name.slice(name.lastIndexOf(":") + 1);
      if (tag.startsWith("sha256-")) found.add(tag);
    }
    return found;
  } catch (error) {
    // not everybody who may read may also list
    if (error instanceof RejectedError) return "unknown";
    throw error;
  }
}
