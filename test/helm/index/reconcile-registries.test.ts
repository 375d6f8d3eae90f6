import assert from "node:assert/strict";
import { test } from "node:test";
import { type CoverageSettings, openCoverage, reconcile } from "../../../lib/helm/index.ts";
import { copy, openBuilt, openRegistries } from "../../../lib/oci/index.ts";
import { openStore } from "../../../lib/store/index.ts";
import { startFakeHarbor } from "../../fakes/harbor.ts";
import { startRegistryLike } from "../../fakes/registry-kinds.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { startDockerRegistry } from "../../real/docker-registry.ts";
import { requiring } from "../../real/programs.ts";
import { readIndex } from "./read-index.ts";

const HOST = "registry.example.com";
const { signal } = new AbortController();

interface Site extends AsyncDisposable {
  readonly host: string;
  /** What it must be told of a repository that was pushed to. */
  readonly onPush?: (repository: string) => unknown;
}

const sites: readonly {
  readonly name: string;
  readonly needs?: readonly string[];
  readonly coverage: Partial<CoverageSettings>;
  readonly start: () => Promise<Site>;
}[] = [
  {
    name: "docker-registry, by its catalog",
    needs: ["docker-registry"],
    coverage: { registries: [HOST] },
    start: () => startDockerRegistry(),
  },
  {
    name: "Harbor, by its API",
    coverage: { registries: [HOST] },
    async start() {
      const harbor = await startFakeHarbor({
        deviations: [["/v2/_catalog", (_, response) => response.writeHead(403).end()]],
      });
      return { ...harbor, onPush: (repository) => harbor.names.add(repository) };
    },
  },
  {
    name: "a registry without catalog, by the list of its repositories",
    coverage: { repositories: ["a/lantern", "b/torch", "c/candle"].map((repository) => `${HOST}/${repository}`) },
    start: () =>
      startRegistryLike("distribution-2.8", {
        deviations: [["/v2/_catalog", (_, response) => response.writeHead(404).end()]],
      }),
  },
];

for (const { name, needs = [], coverage, start } of sites) {
  test(`CR-T6, CR-T7: a reconcile repairs lost pushes, moves and deletes of ${name}`, requiring(...needs), async () => {
    await using site = await start();
    const store = await openStore("memory:");
    const registries = openRegistries({
      settings: [{ host: HOST, endpoint: `http://${site.host}` }],
      credentialFiles: [],
      userAgent: "stowage-test",
    });
    const chart = (repository: string, version: string, content = "first") =>
      chartArtifact({ name: repository.split("/")[1]!, version }, { archive: Buffer.from(`${version} ${content}`) });
    const push = async (repository: string, version: string, content?: string): Promise<void> => {
      const built = openBuilt({ [version]: chart(repository, version, content) });
      await copy(built, version, registries.repository(HOST, repository));
      site.onPush?.(repository);
    };
    const problems: object[] = [];
    const run = (by: string) =>
      reconcile({
        by,
        coverage: openCoverage({ registries: [], repositories: [], include: [], exclude: [], ...coverage }),
        split: "whole",
        store,
        registries,
        onProblem: (problem) => problems.push(problem),
        onConflict: () => {},
        signal,
      });
    const versions = async () => {
      const { entries } = await readIndex(store);
      return Object.values(entries).flatMap((list) => list.map((entry) => `${entry.name}-${entry.version}`));
    };

    for (const version of ["1.0.0", "1.1.0"]) await push("a/lantern", version);
    await push("b/torch", "1.0.0");
    assert.equal((await run("1"))?.counts.added, 3);

    await push("a/lantern", "1.2.0");
    await push("a/lantern", "1.1.0", "second");
    await push("c/candle", "1.0.0");
    for (const [repository, version] of [
      ["a/lantern", "1.0.0"],
      ["b/torch", "1.0.0"],
    ] as const) {
      await registries.repository(HOST, repository).remove(chart(repository, version).descriptor.digest);
    }
    const second = await run("2");
    assert.deepEqual(second?.counts, { added: 2, changed: 1, removed: 2 });
    assert.deepEqual(await versions(), ["candle-1.0.0", "lantern-1.2.0", "lantern-1.1.0"]);
    assert.equal(await run("3"), undefined);
    assert.deepEqual(problems, []);
  });
}
