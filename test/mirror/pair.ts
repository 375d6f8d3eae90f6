import { type ImageList, listOfLines, readLists } from "../../lib/images/index.ts";
import { type MirrorReport, type MirrorRequest, mirror } from "../../lib/mirror/index.ts";
import {
  type Built,
  buildImage,
  buildIndex,
  buildLayer,
  openRegistries,
  type Registries,
} from "../../lib/oci/index.ts";
import { type EmbeddedRegistry, startEmbeddedRegistry } from "../real/embedded-registry.ts";

export interface Pair extends AsyncDisposable {
  readonly from: EmbeddedRegistry;
  readonly to: EmbeddedRegistry;
  /** Clients to both, by their own hosts. */
  readonly registries: Registries;
  /** Forget what was requested so far. */
  forget(): void;
}

/** Clients that know no passwords, on a clock on which waiting takes no time. */
export function openClients(): Registries {
  let time = 0;
  const sleep = async (milliseconds: number): Promise<void> => {
    time += milliseconds;
  };
  const clock = { now: () => time, sleep };
  return openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test", clock });
}

/** Two empty registries. */
export async function startPair(): Promise<Pair> {
  const [from, to] = await Promise.all([startEmbeddedRegistry(), startEmbeddedRegistry()]);
  return {
    from,
    to,
    registries: openClients(),
    forget() {
      from.requests.length = 0;
      to.requests.length = 0;
    },
    async [Symbol.asyncDispose]() {
      await from[Symbol.asyncDispose]();
      await to[Symbol.asyncDispose]();
    },
  };
}

/** An image of one small layer, another one for another text. */
export const imageOf = async (text: string): Promise<Built> =>
  buildImage({ platform: "linux/amd64", layers: [await buildLayer([{ path: "content", content: text }])] });

/** The same for two platforms. */
export async function indexOf(text: string): Promise<Built> {
  const layer = await buildLayer([{ path: "content", content: text }]);
  return buildIndex(
    (["linux/amd64", "linux/arm64"] as const).map((platform) => buildImage({ platform, layers: [layer] })),
  );
}

/** What a list of these lines says. */
export const listOf = (...lines: readonly string[]): Promise<ImageList> =>
  readLists([listOfLines("images.list", lines)], { form: "project", projects: ["release", "library"] });

interface Host {
  readonly host: string;
}

/** Mirror the lines of a list, without waiting between attempts. */
export async function run(
  { from, to }: { readonly from: Host; readonly to: Host },
  lines: readonly string[],
  request: Partial<MirrorRequest> = {},
  registries: Registries = openClients(),
): Promise<MirrorReport> {
  const asked = { list: await listOf(...lines), from: from.host, to: to.host, ...request };
  return mirror(asked, { registries, sleep: async () => {} }, new AbortController().signal);
}

/** What a tag of a registry names. */
export const digestAt = async (host: string, repository: string, tag: string): Promise<string> =>
  (await openClients().repository(host, repository).resolve(tag)).digest;
