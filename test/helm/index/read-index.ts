import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import type { TextName } from "../../../lib/helm/index/assemble.ts";
import type { IndexEntry } from "../../../lib/helm/index/fold.ts";
import { IndexReader } from "../../../lib/helm/index/read.ts";
import { type Scope, wholeScope } from "../../../lib/helm/index/scope.ts";
import type { Reader } from "../../../lib/store/index.ts";

export interface ReadIndex {
  readonly apiVersion: string;
  readonly generated: string;
  readonly entries: Readonly<Record<string, readonly IndexEntry[]>>;
}

/** A text as it is served. */
export async function textOf(store: Reader, name: TextName, scope: Scope = wholeScope): Promise<Buffer> {
  const reader = new IndexReader(store, scope);
  const head = await reader.head();
  if (head === undefined) throw new Error("nothing was published");
  const text = reader.text(head, name);
  return Buffer.concat(await Array.fromAsync(text.read(0, text.size)));
}

/** The index as a YAML 1.1 reader sees it; its other texts must say the same. */
export async function readIndex(store: Reader, scope: Scope = wholeScope): Promise<ReadIndex> {
  const yaml = await textOf(store, "index.yaml", scope);
  if (!gunzipSync(await textOf(store, "index.yaml.gz", scope)).equals(yaml)) throw new Error("index.yaml.gz differs");
  const index = parse(yaml.toString(), { version: "1.1", maxAliasCount: 0 }) as ReadIndex;
  const json = JSON.parse(gunzipSync(await textOf(store, "index.json.gz", scope)).toString());
  if (JSON.stringify(json) !== JSON.stringify(index)) throw new Error("index.json.gz differs");
  return index;
}
