import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { decode, parseData, type WireEvent } from "../events/index.ts";
import { isDigest } from "../oci/index.ts";
import { type ArtifactKind, type Finding, kindOfConfig } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import { CLOUD_EVENT_TYPE, description, instant, JSON_TYPE, requireShape } from "./payload.ts";

/** The end of a type; before it stands `zotregistry`, or what `extensions.events.typePrefix` says since 2.1.21. */
const TYPE = /(?:^|\.)(image\.updated|image\.deleted|image\.lint_failed|image\.scanned|repository\.created)$/;

const without: Readonly<Record<string, string>> = {
  "image.lint_failed": "what fails zot's lint is not stored",
  "image.scanned": "a scan changes no artifact",
  "repository.created": "a repository is of interest with its first tag",
};

const image = z.object({
  name: z.string(),
  /** A tag or a digest. */
  reference: z.string(),
  digest: z.string().optional(),
  mediaType: description,
  /** The manifest itself. */
  manifest: z.string().optional().catch(undefined),
});

/**
 * zot's events extension: CloudEvents, each sent once. The manifest that comes along tells charts from images.
 *
 * @see https://zotregistry.dev/v2.1.21/articles/events/
 */
export const zot: WebhookKind = {
  title: "zot",
  proof: { by: "header" },
  // binary mode, where the data's own type stands, and structured mode
  mediaTypes: [JSON_TYPE, CLOUD_EVENT_TYPE],
  read: (delivery) => decode(delivery).map(findingOf),
};

function findingOf(event: WireEvent): Finding {
  const type = TYPE.exec(event.type)?.[1];
  if (type === undefined) return `type "${event.type}" is not known to change artifacts`;
  if (Object.hasOwn(without, type)) return `${type}: ${without[type]}`;
  const { name, reference, digest, mediaType, manifest } = requireShape(image, event.data);
  const named = isDigest(reference) ? { digest: reference } : { tag: reference, digest };
  const change = { id: event.id, repository: name, ...named, time: instant.parse(event.time) };
  if (type === "image.deleted") return { ...change, action: "deleted" };
  return { ...change, action: "pushed", mediaType, artifactKind: kindOfManifest(manifest) };
}

const configured = z.object({ config: z.object({ mediaType: z.string() }) });

/** An aid for filters: whoever acts reads the manifest from the registry. */
function kindOfManifest(manifest: string | undefined): ArtifactKind {
  if (manifest === undefined) return "unknown";
  try {
    return kindOfConfig([configured.safeParse(parseData(Buffer.from(manifest), "manifest")).data?.config.mediaType]);
  } catch (error) {
    if (error instanceof RejectedError) return "unknown";
    throw error;
  }
}
