import * as z from "zod";
import { isDigest } from "../oci/index.ts";
import { type Finding, kindOfConfig } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import {
  description,
  FORM_TYPE,
  hostOf,
  instant,
  JSON_TYPE,
  readPayload,
  requireHeader,
  requireShape,
} from "./payload.ts";

const manifest = z.object({ media_type: description, config: z.object({ media_type: description }).nullish() });
const container = z.object({
  tag: z.object({ name: description, digest: description }).nullish(),
  manifest: manifest.nullish().catch(undefined),
});
const version = z.object({
  /** The digest, for containers. */
  version: description,
  /** `ghcr.io/owner/name:tag`; the tag may be missing. */
  package_url: description,
  container_metadata: container.nullish(),
});
const described = z.object({
  namespace: z.string(),
  name: z.string(),
  ecosystem: description,
  package_type: description,
  updated_at: instant,
  package_version: version.nullish(),
});
type Package = z.output<typeof described>;

/** The events, with the field that describes the package. */
const notifications: Readonly<Record<string, z.ZodType<{ action: string; found: Package }>>> = {
  package: z.object({ action: z.string(), package: described }).transform((it) => ({ ...it, found: it.package })),
  registry_package: z
    .object({ action: z.string(), registry_package: described })
    .transform((it) => ({ ...it, found: it.registry_package })),
};

/**
 * GitHub's container registry: `package` and `registry_package` events, each with a delivery id that redeliveries repeat.
 *
 * The samples in GitHub's own documentation have empty tags, a colon without tag, times of the year 1 and an npm package in
 * the ecosystem docker: what does not matter may be wrong. Deletions are not told.
 *
 * @see https://docs.github.com/webhooks/webhook-events-and-payloads#registry_package
 */
export const github: WebhookKind = {
  title: "GitHub Packages",
  proof: { by: "signature", headers: ["x-hub-signature-256"] },
  mediaTypes: [JSON_TYPE, FORM_TYPE],
  read(delivery): readonly Finding[] {
    const id = requireHeader(delivery, ["x-github-delivery"]);
    const event = requireHeader(delivery, ["x-github-event"]);
    const payload = readPayload(delivery);
    if (event === "ping") return ["ping: it says that the webhook is set up"];
    const schema = Object.hasOwn(notifications, event) ? notifications[event] : undefined;
    if (schema === undefined) return [`event "${event}" tells of no package`];
    const { action, found } = requireShape(schema, payload);
    if (action !== "published" && action !== "updated") return [`action "${action}" changes nothing`];
    return [findingOf(id, found)];
  },
};

function findingOf(
  id: string,
  { namespace, name, ecosystem, package_type, updated_at, package_version }: Package,
): Finding {
  const kinds = [ecosystem, package_type].map((each) => each?.toLowerCase());
  if (!kinds.includes("container") && !kinds.includes("docker")) {
    return `a package of type "${package_type ?? ecosystem ?? ""}" lies outside the OCI registry`;
  }
  const { version: named, package_url, container_metadata } = package_version ?? {};
  const { tag, manifest: found } = container_metadata ?? {};
  const digest = [tag?.digest, named].find((each) => each !== undefined && isDigest(each));
  return {
    action: "pushed",
    id,
    // namespaces keep their capitals, repositories are lower case
    repository: `${namespace}/${name}`.toLowerCase(),
    tag: tag?.name || undefined,
    digest,
    host: hostOf(package_url),
    mediaType: found?.media_type,
    artifactKind: kindOfConfig([found?.config?.media_type]),
    time: updated_at,
  };
}
