import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Bytes } from "../content.ts";
import type { Digest } from "../descriptor.ts";
import type { Tree, TreeRepository } from "../tree.ts";

/** What the registry tells about a change: a hint. Whoever acts on it reads the registry again. */
export interface RegistryChange {
  readonly action: "pushed" | "deleted";
  readonly repository: string;
  /** Absent when a manifest was pushed or deleted by digest. */
  readonly tag?: string;
  /** Absent when a tag was deleted that named nothing. */
  readonly digest?: Digest;
  readonly mediaType?: string;
  readonly artifactKind: ArtifactKind;
}

export type ArtifactKind = "chart" | "image" | "unknown";

/** What every request is answered with. */
export interface Service {
  readonly tree: Tree;
  /** @throws Refusal when nobody took note of the change */
  readonly announce: (change: RegistryChange) => Promise<void>;
  /** Bytes. */
  readonly maxBlobSize: number;
}

/** A request about one repository, its name checked. */
export interface Exchange extends Service {
  readonly request: IncomingMessage;
  readonly name: string;
  readonly repository: TreeRepository;
  /** The last part of the path, decoded and not checked: a tag, a digest or the id of an upload. */
  readonly reference: string;
  readonly query: URLSearchParams;
}

export interface Answer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  /** Never sent in answer to HEAD; a stream is not even opened then. */
  readonly body?: string | Uint8Array | Bytes;
}

export const json = (value: unknown, headers: OutgoingHttpHeaders = {}): Answer => {
  const body = JSON.stringify(value);
  return {
    status: 200,
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers },
    body,
  };
};
