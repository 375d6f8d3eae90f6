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

  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
  const open = async () => ({
    target: registries.repository(registry.host, `test/${randomUUID()}`),
    close: async () => {},
  });
  testTarget("a repository of docker-registry 2.8", open, {
    "does not take a blob for a manifest": "it answers 500 when a manifest is asked for by the digest of a blob",
    "forgets a tag and nothing else": "it cannot forget tags, and answers 400",
    "does not mind forgetting what is not there": "it cannot forget tags, and answers 400",
  });
});

suite("the fake registry", () => {
  testTarget("a repository of a registry with tokens", async () => {
    const fake = await startFakeRegistry({ auth: "bearer", users: { user: "secret" } });
    const opened = await openForTest({ [fake.host]: auth("user", "secret") });
    return {
      target: opened.registries.repository(fake.host, "test/repository"),
      async close() {
        await opened[Symbol.asyncDispose]();
        await fake[Symbol.asyncDispose]();
      },
    };
  });
});
