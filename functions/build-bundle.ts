import { buildBundle, checkRelease, openBundle, readSigner } from "../lib/bundle/index.ts";
import { RejectedError } from "../lib/errors.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/** What somebody must put right before the same description can be built. */
const failures: readonly string[] = ["IMAGES_MISSING", "IMAGES_MOVED", "CHART_UNRENDERABLE", "CHART_INVALID"];

/**
 * Builds the installer bundle of a release straight into the store, signed where a key is configured. The same release gives
 * the same bytes.
 */
export default defineFunction({
  name: "build-bundle",
  on: ["dev.stowage.bundle.requested.v1"],
  emits: ["dev.stowage.bundle.built.v1", "dev.stowage.bundle.failed.v1"],
  needs: ["config", "secrets", "store", "stores", "registries", "renderer"],

  async run({ data }, { config, secrets, store, stores, registries, renderer, reply, signal }) {
    const release = checkRelease(data.release);
    const { name, version } = release;
    const about = { release: name, version };
    const url = data.to ?? release.to;
    const to = url === undefined ? undefined : await stores(url);
    const base = data.base === undefined ? undefined : await openAt(data.base);
    const { signingKey } = config.bundles;
    // an exact package has no place for a signature
    const signer = signingKey && !release.package.exact ? readSigner(await secrets(signingKey)) : undefined;

    async function openAt(place: string) {
      const slash = place.lastIndexOf("/");
      return openBundle(await stores(place.slice(0, slash)), place.slice(slash + 1), signal);
    }

    try {
      const built = await buildBundle(release, { store, to, registries, renderer, base, signer }, signal);
      return reply("dev.stowage.bundle.built.v1", `${name}@${version}`, { ...about, ...built });
    } catch (error) {
      if (!(error instanceof RejectedError && failures.includes(error.code))) throw error;
      const reason = error.message.slice(0, 4000);
      return reply("dev.stowage.bundle.failed.v1", `${name}@${version}`, { ...about, code: error.code, reason });
    }
  },
});
