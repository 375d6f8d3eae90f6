import { RejectedError } from "../errors.ts";
import { Bounded } from "./bounded.ts";
import type { Descriptor, Digest } from "./descriptor.ts";
import type { Manifest } from "./manifest.ts";
import { describeReferrer } from "./referrers.ts";

/** Manifests that are remembered; each is some 300 bytes. */
const MAX_KNOWN = 20_000;

interface Known {
  readonly subject: Digest | undefined;
  readonly referrer: Descriptor | undefined;
}

/** Remembers which manifests have which subject: content never changes, so each is read once. */
export class Subjects {
  readonly #known = new Bounded<Digest, Known>(MAX_KNOWN);

  /**
   * How a list of the referrers of `subject` names a manifest; undefined where it has another subject, or none.
   *
   * @param read the manifest. One that is damaged or gone is nobody's referrer: whoever asks for itself will hear of it
   */
  async referrer(
    subject: Digest,
    digest: Digest,
    read: () => Promise<{ readonly descriptor: Descriptor; readonly manifest: Manifest }>,
  ): Promise<Descriptor | undefined> {
    const known = this.#known.get(digest) ?? (await look(read));
    if (known === undefined) return undefined;
    this.#known.set(digest, known);
    return known.subject === subject ? known.referrer : undefined;
  }
}

async function look(read: Parameters<Subjects["referrer"]>[2]): Promise<Known | undefined> {
  try {
    const { descriptor, manifest } = await read();
    const subject = manifest.subject?.digest;
    return { subject, referrer: subject && describeReferrer(descriptor, manifest) };
  } catch (error) {
    if (error instanceof RejectedError) return undefined;
    throw error;
  }
}
