import { buildBundle, checkRelease } from "../lib/bundle/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/** Builds the installer bundle of a release straight into the store. The same release gives the same bytes. */
export default defineFunction({
  name: "build-bundle",
  on: ["dev.stowage.bundle.requested.v1"],
  emits: ["dev.stowage.bundle.built.v1"],
  needs: ["store", "stores", "registries", "renderer"],

  async run({ data }, { store, stores, registries, renderer, reply, signal }) {
    const release = checkRelease(data.release);
    const to = data.to === undefined ? undefined : await stores(data.to);
    const built = await buildBundle(release, { store, to, registries, renderer }, signal);
    return reply("dev.stowage.bundle.built.v1", `${release.name}@${release.version}`, {
      release: release.name,
      version: release.version,
      ...built,
    });
  },
});
