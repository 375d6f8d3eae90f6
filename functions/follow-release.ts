import {
  findRelease,
  isCurrent,
  listReleases,
  openRequests,
  type ReleaseObject,
  releaseOf,
} from "../lib/release/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/**
 * Asks for what a Release of the cluster wants: first the list of its images, and once they are listed its bundle and its mirror.
 * On a schedule it asks again for whatever has not come to an end: events of the API server get lost while nobody watches.
 *
 * An event is a hint: the Release is read again, and what is asked depends on that alone.
 */
export default defineFunction({
  name: "follow-release",
  on: [
    "dev.knative.apiserver.resource.add",
    "dev.knative.apiserver.resource.update",
    "dev.stowage.images.listed.v1",
    "dev.knative.sources.ping",
  ],
  emits: [
    "dev.stowage.images.requested.v1",
    "dev.stowage.bundle.requested.v1",
    "dev.stowage.mirror.requested.v1",
    "dev.stowage.release.refused.v1",
  ],
  needs: ["kube", "publish"],

  async run(event, { kube, publish, signal }) {
    const ask = async (release: ReleaseObject, listed?: string): Promise<void> => {
      const requests = await openRequests(release, listed);
      if (requests.length > 0) await publish(requests, signal);
    };
    if (event.type === "dev.knative.sources.ping") {
      for await (const release of listReleases(kube, signal)) await ask(release);
    } else if (event.type === "dev.stowage.images.listed.v1") {
      const reference = releaseOf(event);
      const release = reference && (await findRelease(kube, reference, signal));
      if (release && isCurrent(release, reference)) await ask(release, event.data.list);
    } else {
      const { metadata, status } = event.data;
      // only the status has changed: what the spec asks for is under way
      if (status?.observedGeneration !== undefined && status.observedGeneration === metadata.generation) return;
      const release = await findRelease(kube, metadata, signal);
      if (release && release.status?.observedGeneration !== release.generation) await ask(release);
    }
  },
});
