import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite } from "node:test";
import { openRegistries } from "../../../lib/oci/registry/registries.ts";
import { testTarget } from "../../contracts/target.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { type DockerRegistry, startDockerRegistry } from "../../real/docker-registry.ts";
import { requiring } from "../../real/programs.ts";

const userAgent = "stowage-test";

suite("the real docker-registry", requiring("docker-registry"), () => {
  let registry: DockerRegistry;
  before(async () => {
    registry = await startDockerRegistry();
  });
  after(() => registry[Symbol.asyncDispose]());

  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent });
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
  const open = async () => {
    const work = await mkdtemp(join(tmpdir(), "stowage-credentials-"));
    const registry = await startFakeRegistry({ auth: "bearer", users: { user: "secret" } });
    const file = join(work, "config.json");
    await writeFile(file, JSON.stringify({ auths: { [registry.host]: { username: "user", password: "secret" } } }));
    const registries = openRegistries({ settings: [], credentialFiles: [file], userAgent });
    return {
      target: registries.repository(registry.host, "test/repository"),
      async close() {
        await registry[Symbol.asyncDispose]();
        await rm(work, { recursive: true });
      },
    };
  };
  testTarget("a repository of a registry with tokens", open);
});
