import { RejectedError } from "../errors.ts";
import type { Source } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";

/** As {@linkcode Source.resolve}, where it is no surprise that there is no such tag. */
export async function resolveIfThere(
  source: Pick<Source, "resolve">,
  reference: string,
  signal?: AbortSignal,
): Promise<Descriptor | undefined> {
  try {
    return await source.resolve(reference, signal);
  } catch (error) {
    if (error instanceof RejectedError && error.code === "CONTENT_UNKNOWN") return undefined;
    throw error;
  }
}
