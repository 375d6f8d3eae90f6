import type { StowageError } from "../lib/errors.ts";
import { changedCharts } from "../lib/helm/index.ts";
import {
  countChanges,
  countImages,
  type Findings,
  listAndKeepRelease,
  listCharts,
  whyIncomplete,
} from "../lib/images/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/**
 * Lists the images of charts that came into the index or changed there, one event a chart, and those of a release when somebody
 * asks. A list that may lack an image is never called complete.
 */
export default defineFunction({
  name: "list-images",
  on: ["dev.stowage.index.updated.v1", "dev.stowage.images.requested.v1"],
  emits: ["dev.stowage.images.listed.v1", "dev.stowage.images.incomplete.v1"],
  needs: ["config", "store", "registries", "renderer", "publish"],

  async run(event, { config, store, registries, renderer, publish, reply, log, signal }) {
    const onDamaged = (key: string, { message }: StowageError) => log.warn({ key, reason: message }, "made it anew");
    const hosts = config.registries.map(({ host }) => host);
    const places = { registries, renderer, hosts, kept: { store, onDamaged } };
    const tell = ({ images, unresolved }: Findings) => {
      for (const { chart, reason } of unresolved) log.warn({ chart, reason }, "images not known");
      for (const { image, status, presence = "present" } of images)
        if (presence !== "present") log.warn({ image, status, presence }, "image not at its registry");
    };

    if (event.type === "dev.stowage.images.requested.v1") {
      const { checkRelease } = await import("../lib/bundle/index.ts");
      const release = checkRelease(event.data.release);
      const { optional } = event.data;
      const listing = await listAndKeepRelease({ ...release, optional }, places, signal);
      const { findings, failures, unused, keys, lockDigest, difference } = listing;
      tell(findings);
      for (const rule of unused) log.warn({ release: release.name, rule }, "rule without effect");
      const { name, version } = release;
      const subject = `${name}@${version}`;
      const data = { release: name, version, key: keys.findings, ...countImages(findings) };
      const gaps = whyIncomplete(findings, failures);
      if (gaps !== undefined) return reply("dev.stowage.images.incomplete.v1", subject, { ...data, ...gaps });
      const { list, lock } = keys;
      const changes = difference && { difference: { key: keys.difference, ...countChanges(difference) } };
      return reply("dev.stowage.images.listed.v1", subject, { ...data, list, lock, lockDigest, ...changes });
    }
    const references = await changedCharts(event.data, store, signal);
    await listCharts(
      references,
      places,
      async ({ metadata: { name, version }, chart }, { findings, keys: [key] }) => {
        tell(findings);
        const subject = `${name}@${version}`;
        const data = { chart: name, version, digest: chart.digest, ...countImages(findings) };
        const gaps = whyIncomplete(findings);
        if (gaps !== undefined) {
          await publish([reply("dev.stowage.images.incomplete.v1", subject, { ...data, key, ...gaps })], signal);
        } else if (key !== undefined) {
          await publish([reply("dev.stowage.images.listed.v1", subject, { ...data, key })], signal);
        }
      },
      signal,
    );
  },
});
