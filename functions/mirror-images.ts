import { derivedId } from "../lib/events/index.ts";
import { listInStore, listOfLines, readLists } from "../lib/images/lists.ts";
import { mirror, reasonOf, rulesOfHop, summarize, unfinishedReport, writeReport } from "../lib/mirror/index.ts";
import { defineFunction } from "../lib/runtime/index.ts";

/**
 * Mirrors the images of lists over the first hop that is asked for, and asks for the next one only when every image has
 * arrived. Doing it again moves nothing that is there.
 */
export default defineFunction({
  name: "mirror-images",
  on: ["dev.stowage.mirror.requested.v1"],
  emits: ["dev.stowage.images.mirrored.v1", "dev.stowage.mirror.incomplete.v1", "dev.stowage.mirror.requested.v1"],
  needs: ["config", "store", "registries"],

  async run({ id, source, data }, { config, store, registries, reply, log, signal }) {
    const { release, version, form, platforms, rewriteIndex, recheck } = data;
    const hop = data.hops[0]!;
    const hops = data.hops.slice(1);
    const inputs = data.lists.map((key) => listInStore(store, key));
    if (data.images.length > 0) inputs.push(listOfLines("images", data.images));
    const list = await readLists(inputs, { form, projects: config.lists.projects }, signal);

    const folder =
      release === undefined
        ? `runs/mirror/${derivedId(source, id)}/`
        : `releases/${release}/${version}/mirror/${hop.to}/`;
    await writeReport(store, folder, unfinishedReport, signal);
    const request = { list, ...hop, ...rulesOfHop(config.registries, hop), platforms, rewriteIndex, recheck };
    const report = await mirror(
      request,
      { registries, onImage: (image) => image.error !== null && log.warn(image, "did not mirror an image") },
      signal,
    );
    const key = await writeReport(store, folder, report, signal);

    const subject = release === undefined ? hop.to : `${release}@${version}`;
    const { copied, present, missing, denied, failed, bytes, reused, seconds } = summarize(report);
    const done = { release, version, ...hop, images: list.images.length, copied, present, report: key };
    const reason = reasonOf(report)?.slice(0, 500);
    if (reason !== undefined) {
      const why = { missing, denied, failed, defects: report.errors, reason };
      return reply("dev.stowage.mirror.incomplete.v1", subject, { ...done, ...why });
    }
    if (hops.length > 0) return reply("dev.stowage.mirror.requested.v1", subject, { ...data, hops });
    return reply("dev.stowage.images.mirrored.v1", subject, { ...done, bytes, reused, seconds });
  },
});
