import { randomUUID } from "node:crypto";
import { after, before, suite } from "node:test";
import { openRegistries } from "../../../lib/oci/registry/registries.ts";
import { testTarget } from "../../contracts/target.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { type DockerRegistry, startDockerRegistry } from "../../real/docker-registry.ts";
import { requiring } from "../../real/programs.ts";
import { auth, openForTest } from "./opened-registry.ts";

suite("the real docker-registry", requiring("docker-registry"), () => {
  let registry: DockerRegistry;
  before(async () => {
    registry = await startDockerRegistry();
  });
  after(() => registry[Symbol.asyncDispose]());

  const limits = {
    "a repository of docker-registry 2.8": undefined,
    "a repository of docker-registry 2.8 that takes blobs in parts": 60_000,
  };
  for (const [name, maxUploadBytes] of Object.entries(limits)) {
    const open = async () => ({
      target: openRegistries({
        settings: [{ host: registry.host, maxUploadBytes }],
        credentialFiles: [],
        userAgent: "stowage-test",
      }).repository(registry.host, `test/${randomUUID()}`),
      close: async () => {},
    });
    testTarget(name, open, {
      "does not take a blob for a manifest": "it answers 500 when a manifest is asked for by the digest of a blob",
      "forgets a tag and nothing else": "it cannot forget tags, and answers 400",
      "does not mind forgetting what is not there": "it cannot forget tags, and answers 400",
    });
  }
});

suite("the fake registry", () => {
  const kinds = {
    "a repository of a registry with tokens": [{}, {}],
    "a repository that takes blobs in parts": [{ minChunk: 70_000 }, { maxUploadBytes: 30_000 }],
    "a repository that lists referrers, page by page": [{ referrers: true, pageSize: 1 }, {}],
  } as const;
  for (const [name, [options, settings]] of Object.entries(kinds)) {
    testTarget(name, async () => {
      const fake = await startFakeRegistry({ auth: "bearer", users: { user: "secret" }, ...options });
      const opened = await openForTest({ [fake.host]: auth("user", "secret") }, [{ host: fake.host, ...settings }]);
      return {
        target: opened.registries.repository(fake.host, "test/repository"),
        async close() {
          await opened[Symbol.asyncDispose]();
          await fake[Symbol.asyncDispose]();
        },
      };
    });
  }
});
