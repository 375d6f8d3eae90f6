import { resolve } from "node:path";
import { compose } from "../compose.ts";
import { describeDefect, type ListForm, listsOnDisk, readLists } from "../images/lists.ts";
import {
  type ImageResult,
  type ImageRetry,
  type MirrorReport,
  mirror,
  rulesOfHop,
  summarize,
  unfinishedReport,
  writeReport,
} from "../mirror/index.ts";
import { isHost, isRepository } from "../oci/index.ts";
import { openStore } from "../store/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { showProgress } from "./progress.ts";
import { print, type Verb } from "./verb.ts";

/** Who waits for longer wants to know why. */
const WORTH_TELLING_MS = 4000;

/**
 * Mirror image lists over one hop. Prints one line of JSON: with --report a summary of what report.json says there,
 * without it (and of a dry run, which writes no file) the whole report.
 */
export const copyList: Verb = async (args, surroundings) => {
  const { values, lists, to, rename } = readCommand(args);
  const { env, signal } = surroundings;
  const { config } = await loadLocalConfig(env, values);
  // not patient: the mirror waits by itself
  const { registries } = await compose(config, { log: await surroundings.log() }).ports(["registries"]);
  const { from, references, "dry-run": dryRun } = values;
  const form: ListForm = references ? "reference" : "project";
  const projects = values.project.length > 0 ? values.project : config.lists.projects;
  const rules = rulesOfHop(config.registries, { from, to });

  const reports = values.report === undefined || dryRun ? undefined : await openStore(`file:${resolve(values.report)}`);
  if (reports !== undefined) await writeReport(reports, "", unfinishedReport, signal);
  const list = await readLists(await listsOnDisk(lists), { form, projects }, signal);
  const request = {
    list,
    from,
    to,
    mustBeEmpty: rules.mustBeEmpty,
    rename: { ...rules.rename, ...rename },
    platforms: values.platform.length > 0 ? values.platform : undefined,
    rewriteIndex: values["rewrite-index"],
    recheck: values.recheck,
    dryRun,
  };
  const mirrorShown = async (): Promise<MirrorReport> => {
    using progress = showProgress(surroundings, { images: list.images.length });
    const complain = (line: string): void => progress.say(`stowage copy: ${line}`);
    const onImage = (image: ImageResult): void => {
      const { status, error } = image;
      if (error !== null) complain(`${status}: ${failedName(image)}: ${error}`);
      progress.imageDone(error === null);
    };
    const onRetry = (image: ImageRetry): void => {
      const { wait, error } = image;
      if (wait >= WORTH_TELLING_MS) complain(`again in ${Math.round(wait / 1000)} s: ${failedName(image)}: ${error}`);
    };
    const onProgress = dryRun ? undefined : progress.onProgress;
    const report = await mirror(request, { registries, onImage, onRetry, onProgress }, signal);
    if (report.refused !== null) complain(report.refused.message);
    for (const line of describeDefects(report)) complain(line);
    return report;
  };
  const report = await mirrorShown();

  if (reports !== undefined) await writeReport(reports, "", report, signal);
  await print(surroundings, `${JSON.stringify(reports === undefined ? report : summarize(report))}\n`);
  return report.complete ? 0 : 1;
};

/** What an image is called where it failed. */
const failedName = ({ side, source, target }: Pick<ImageResult, "side" | "source" | "target">): string =>
  side === "source" ? source : target;

function readCommand(args: readonly string[]) {
  const { values, positionals } = readArguments(
    args,
    {
      list: { type: "string", multiple: true, default: [] },
      references: { type: "boolean", default: false },
      project: { type: "string", multiple: true, default: [] },
      from: { type: "string" },
      to: { type: "string" },
      rename: { type: "string", multiple: true, default: [] },
      platform: { type: "string", multiple: true, default: [] },
      "rewrite-index": { type: "boolean", default: false },
      recheck: { type: "boolean", default: false },
      report: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      config: { type: "string" },
    },
    { max: Number.POSITIVE_INFINITY },
  );
  const { to, from, references } = values;
  if (to === undefined) throw new UsageError("--to is needed: the host to push to");
  if (from === undefined && !references) throw new UsageError("--from is needed: the host to pull from");
  if (from === undefined && values.rename.length > 0) throw new UsageError("--rename is about --from");
  for (const host of [to, from]) {
    if (host !== undefined && !isHost(host)) throw new UsageError(`"${host}" is not a host`);
  }
  // `--list a.list b.list` as well as `--list a.list --list b.list`
  return {
    values,
    to,
    lists: [...values.list, ...positionals],
    rename: Object.fromEntries(values.rename.map(readRename)),
  };
}

function readRename(text: string): readonly [string, string] {
  const parts = text.split("=");
  const [old = "", now = ""] = parts;
  if (parts.length === 2 && parts.every((part) => isRepository(part) && !part.includes("/"))) return [old, now];
  throw new UsageError(`--rename takes OLD=NEW, two first parts of paths, not "${text}"`);
}

/** More than these are in the report only. */
const MAX_SHOWN = 100;

/** Errors first: they are why nothing was done. */
function describeDefects({ defects, errors, warnings }: MirrorReport): readonly string[] {
  const sorted = defects.toSorted((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
  const shown = sorted.slice(0, MAX_SHOWN).map((defect) => `${defect.severity}: ${describeDefect(defect)}`);
  const more = errors + warnings - shown.length;
  return more > 0 ? [...shown, `and ${more} more defects in the lists`] : shown;
}
