import { createHash } from "node:crypto";
import { RejectedError } from "../errors.ts";

/** A content digest: `sha256:` and 64 lower-case hex digits. The only algorithm stowage writes or accepts. */
export type Digest = `sha256:${string}`;

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly "os.version"?: string | undefined;
  readonly "os.features"?: readonly string[] | undefined;
}

/** What names a piece of content: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
}

const DIGEST = /^sha256:[a-f0-9]{64}$/;

export const isDigest = (text: string): text is Digest => DIGEST.test(text);

/** @throws RejectedError DIGEST_INVALID */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new RejectedError("DIGEST_INVALID", `Cannot read digest "${text.slice(0, 100)}"`);
  return text;
}

export const digestOf = (bytes: Uint8Array | string): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** The hex part, as file names and chart indexes carry it. */
export const hexOf = (digest: Digest): string => digest.slice("sha256:".length);

/** Describe bytes at hand. */
export const describe = (
  mediaType: string,
  bytes: Uint8Array,
  extra: Pick<Descriptor, "annotations" | "platform" | "artifactType"> = {},
): Descriptor => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength, ...extra });

export const mediaTypes = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  helmConfig: "application/vnd.cncf.helm.config.v1+json",
  helmChart: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
  helmChartLegacy: "application/tar+gzip",
  helmProvenance: "application/vnd.cncf.helm.chart.provenance.v1.prov",
} as const;

/** The media types of manifests, in the order clients name them in `Accept`. */
export const manifestMediaTypes: readonly string[] = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
];

export const isManifest = (mediaType: string): boolean => manifestMediaTypes.includes(mediaType);
export const isIndex = (mediaType: string): boolean =>
  mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex;
