import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkConfig } from "../../lib/config/index.ts";
import { type Delivery, openSource, type Received, receive, type WebhookSource } from "../../lib/webhooks/index.ts";

export type Kind = Parameters<typeof sourceOf>[0];
export const SECRET = "correct horse battery staple";
export const REGISTRY = "registry.example";
export const DIGEST = `sha256:${"a".repeat(64)}`;

/** A delivery as its sender writes it, without proof. */
export interface Sample {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const directory = join(import.meta.dirname, "..", "fixtures", "webhooks");

/** `harbor/push`: written from the fields that the sender's documentation names. */
export const sample = (name: string): Sample => JSON.parse(readFileSync(join(directory, `${name}.json`), "utf8"));
export const samplesOf = (kind: Kind): readonly string[] =>
  readdirSync(join(directory, kind)).map((file) => `${kind}/${file.replace(".json", "")}`);

export const settingsOf = (kind: string, rest: object = {}) => ({
  name: kind,
  kind,
  registry: REGISTRY,
  secrets: [{ file: "/secret" }],
  ...rest,
});

/** A source called like its kind. */
export function sourceOf(
  kind: "distribution" | "harbor" | "zot" | "quay" | "azure" | "aliyun" | "gitea" | "github",
  rest: object = {},
): WebhookSource {
  return openSource(checkConfig({ webhooks: { sources: [settingsOf(kind, rest)] } }), kind)!;
}

const hmac = (body: Uint8Array, secret: string): string => createHmac("sha256", secret).update(body).digest("hex");

/** The same delivery with the proof of its kind. */
export function proven(kind: Kind, headers: Sample["headers"], body: Uint8Array, secret = SECRET): Delivery {
  if (kind === "github") {
    return { headers: { ...headers, "x-hub-signature-256": `sha256=${hmac(body, secret)}` }, body };
  }
  if (kind === "gitea") return { headers: { ...headers, "x-gitea-signature": hmac(body, secret) }, body };
  if (kind === "quay" || kind === "aliyun") return { headers, body, pathSecret: encodeURIComponent(secret) };
  return { headers: { ...headers, authorization: `Bearer ${secret}` }, body };
}

/** What comes of a sample, of another body under its headers, or for another source of its kind. */
export function receiveSample(
  name: string,
  { body, headers, settings }: { body?: unknown; headers?: Sample["headers"]; settings?: object } = {},
): Received {
  const kind = name.split("/", 1)[0] as Kind;
  const given = sample(name);
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body ?? given.body));
  return receive(sourceOf(kind, settings), proven(kind, { ...given.headers, ...headers }, bytes), [SECRET]);
}

/** Events in short: `pushed charts/lantern:1.2.0 chart`. */
export const brief = ({ events }: Received): readonly string[] =>
  events.map(({ type, subject, extensions }) =>
    [type.split(".")[3], subject, extensions["artifactkind"]].filter(Boolean).join(" "),
  );
