import { ChartRepository } from "../lib/helm/index.ts";
import { defineHttpFunction } from "../lib/runtime/index.ts";

/** What an instance remembers of an index, by the store it lies in. */
const repositories = new WeakMap<object, ChartRepository>();

/**
 * The classic chart repository over HTTP, read from the store: the index, charts and their signatures, for everything and
 * for each project that has an index of its own; and the lists of ChartMuseum's API.
 *
 * The index never costs a registry call; a chart is streamed from its registry, verified while it flows.
 */
export default defineHttpFunction({
  name: "serve-charts",
  paths: ["/"],
  needs: ["config", "store", "registries", "secrets"],

  async answer(request, { config, store, registries, secrets, log, signal }) {
    let repository = repositories.get(store);
    if (repository === undefined) {
      repository = new ChartRepository(config.charts, { store, registries, secrets, log });
      repositories.set(store, repository);
    }
    return repository.answer(request, signal);
  },
});
