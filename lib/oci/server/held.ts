import { RejectedError } from "../../errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Manifest, readManifest } from "../manifest.ts";
import type { TreeRepository } from "../tree.ts";

export interface Held {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

/** The manifest a tag or digest names. One that is damaged counts as not there: whoever asks for itself is told. */
export async function held(repository: TreeRepository, reference: string): Promise<Held | undefined> {
  try {
    const descriptor = await repository.resolve(reference);
    const { manifest } = await readManifest(repository, descriptor);
    return { descriptor, manifest };
  } catch (error) {
    if (error instanceof RejectedError) return undefined;
    throw error;
  }
}
