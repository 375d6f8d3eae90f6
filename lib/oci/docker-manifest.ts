import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { parseReference, type Reference } from "./reference.ts";

/** An image in an archive, as docker's manifest.json names it. */
export interface DockerItem {
  /** Path of its config in the archive. */
  readonly config: string;
  /** Its names; each has a tag. */
  readonly names: readonly Reference[];
  /** Paths of its layers, the lowest first. */
  readonly layers: readonly string[];
}

// https://github.com/moby/moby/blob/v28.0.0/image/tarexport/tarexport.go: Go writes null for what is empty
const schema = z.array(
  z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()).nullish() }),
);

/**
 * Read the manifest.json of a `docker save`. Names are normalised: docker writes them in its short form.
 *
 * @param archive how the archive is called in messages
 * @throws RejectedError LAYOUT_INVALID
 */
export function parseDockerManifest(bytes: Uint8Array, archive: string): readonly DockerItem[] {
  const refuse = (why: string, cause?: unknown): never => {
    throw new RejectedError("LAYOUT_INVALID", `Cannot read manifest.json of ${archive}: ${why}`, { cause });
  };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return refuse("it is not JSON", error);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return refuse(z.prettifyError(parsed.error).replaceAll("\n", " "), parsed.error);
  const readName = (text: string): Reference => {
    let name: Reference;
    try {
      name = parseReference(text);
    } catch (error) {
      return refuse((error as Error).message, error);
    }
    return name.tag === undefined || name.digest !== undefined ? refuse(`"${text.slice(0, 200)}" has no tag`) : name;
  };
  return parsed.data.map(({ Config, RepoTags, Layers }) => ({
    config: Config,
    names: (RepoTags ?? []).map(readName),
    layers: Layers ?? [],
  }));
}

/** The one that {@linkcode parseDockerManifest} reads. Full names: podman takes short ones for its own. */
export const formatDockerManifest = (
  items: readonly { readonly config: string; readonly names: readonly string[]; readonly layers: readonly string[] }[],
): string =>
  JSON.stringify(items.map(({ config, names, layers }) => ({ Config: config, RepoTags: names, Layers: layers })));
