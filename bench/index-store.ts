import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { bytesSegment, tar } from "../lib/archive/index.ts";
import type { Claim } from "../lib/helm/index.ts";
import { concurrently, type Digest, mediaTypes } from "../lib/oci/index.ts";

const VERSIONS_EACH = 50;

/** A synthetic chart version: as much text as charts of large catalogues have. */
export interface ChartVersion {
  readonly name: string;
  readonly version: string;
  readonly repository: string;
}

export const chartVersions = (count: number): readonly ChartVersion[] =>
  Array.from({ length: count }, (_, i) => {
    const name = `chart-${String(Math.floor(i / VERSIONS_EACH)).padStart(4, "0")}`;
    return { name, version: `1.${i % VERSIONS_EACH}.0`, repository: `catalogue/${name}` };
  });

export const metadataOf = ({ name, version }: Pick<ChartVersion, "name" | "version">) => ({
  name,
  version,
  apiVersion: "v2",
  appVersion: version,
  type: "application",
  description: `${name} keeps the lights of a harbour burning, and tells when one of them is out`,
  home: `https://charts.example.test/${name}`,
  icon: `https://charts.example.test/${name}/icon.svg`,
  keywords: ["harbour", "light", "openfuyao-extension"],
  sources: [`https://git.example.test/harbour/${name}`],
  maintainers: [{ name: "Harbour Master", email: "master@example.test" }],
  dependencies: [{ name: "common", version: "2.x.x", repository: "oci://registry.example.test/charts" }],
});

const digestOf = (text: string): Digest => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const manifestOf = (repository: string, tag: string): Digest => digestOf(`${repository}:${tag}`);

/** Records as index-charts would have written them, put into a file store's directory. */
export async function writeRecords(
  directory: string,
  registry: string,
  versions: readonly ChartVersion[],
): Promise<void> {
  await concurrently(versions, 32, async (one) => {
    const { repository, version: tag } = one;
    const claim: Claim = {
      registry,
      repository,
      tag,
      manifest: manifestOf(repository, tag),
      chart: { mediaType: mediaTypes.helmChart, digest: digestOf(`${one.name} ${tag}`), size: 20_000 },
      created: "2030-01-05T07:59:00.000Z",
      metadata: metadataOf(one),
      by: "bench",
    };
    const file = join(directory, "index/entries", registry, repository, "_tags", `${tag}.json`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(claim));
    const names = join(dirname(file), "../_charts");
    await mkdir(names, { recursive: true });
    await writeFile(join(names, `${one.name}.name`), "");
  });
}

/** The same charts as files, as small as charts can be. */
export async function writeArchives(directory: string, versions: readonly ChartVersion[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  await concurrently(versions, 32, async (one) => {
    const content = bytesSegment(Buffer.from(JSON.stringify(metadataOf(one))));
    const archive = tar([{ type: "file", path: `${one.name}/Chart.yaml`, content }]);
    const bytes = Buffer.concat(await Array.fromAsync(archive.read(0, archive.size)));
    await writeFile(join(directory, `${one.name}-${one.version}.tgz`), gzipSync(bytes, { level: 1 }));
  });
}

/** A registry that has the charts of {@linkcode writeRecords}, as far as a check asks: names, tags, and a HEAD each. */
export async function startCatalogue(versions: readonly ChartVersion[]) {
  const tags = Map.groupBy(versions, ({ repository }) => repository);
  let heads = 0;
  const answer = ({ url = "" }: IncomingMessage, response: ServerResponse): void => {
    const [, repository = "", door, rest = ""] = /^\/v2\/(.+)\/(tags|manifests)\/([^/?]+)/.exec(url) ?? [];
    if (door === "manifests") {
      heads += 1;
      response.writeHead(200, {
        "content-type": mediaTypes.ociManifest,
        "content-length": 500,
        "docker-content-digest": manifestOf(repository, rest),
      });
      return void response.end();
    }
    response.setHeader("content-type", "application/json");
    const list = tags.get(repository)?.map(({ version }) => version);
    response.end(
      JSON.stringify(door === "tags" ? { name: repository, tags: list } : { repositories: [...tags.keys()] }),
    );
  };
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heads: () => heads,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
