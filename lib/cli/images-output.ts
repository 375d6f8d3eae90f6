import { writeFile } from "node:fs/promises";
import {
  type ComparedImage,
  compareHostless,
  compareImages,
  formatDifference,
  formatList,
  formatLock,
  formatTable,
  type ImagesDifference,
  lockImages,
  readCompared,
  requiredImages,
  type Selected,
  withoutRegistry,
} from "../images/index.ts";
import type { Registries } from "../oci/index.ts";
import { readText } from "./images-input.ts";

export interface ImagesOutput extends Selected {
  /** Absent when nothing is compared. */
  readonly difference?: ImagesDifference | undefined;
}

export interface ImagesForm {
  readonly stripRegistry: boolean;
  readonly sorted: boolean;
}

/** What goes to standard output. Of a comparison, lists and tables show what changed; JSON has everything. */
export const imagesFormats: Readonly<Record<string, (output: ImagesOutput, form: ImagesForm) => string>> = {
  list: ({ findings, difference }, form) =>
    difference === undefined ? formatList(findings, form) : formatDifference(difference),
  json: ({ findings, ...rest }) => `${JSON.stringify({ ...findings, ...rest }, null, 2)}\n`,
  table: ({ findings, difference }, form) =>
    difference === undefined ? formatTable(findings, form) : formatDifference(difference),
};

/** What people should hear about besides the list; first of all, why it may be incomplete. */
export function remarksOn({ findings, unused }: Selected): readonly string[] {
  return [
    ...findings.unresolved.map(({ chart, reason }) => `the list may be incomplete: ${chart}: ${reason}`),
    ...unused.map((rule) => `rule without effect: ${rule}`),
    ...findings.images.flatMap(({ image, status, presence = "present" }) =>
      presence === "present" ? [] : [`${status} image ${image}: ${presence} at its registry`],
    ),
  ];
}

export interface LockRequest {
  /** File for the lock. */
  readonly lock: string | undefined;
  /** File with a list or lock from before. */
  readonly diff: string | undefined;
  /** Take hosts away before comparing. */
  readonly stripRegistry: boolean;
  /** The lists that are compared have no hosts. */
  readonly hostless: boolean;
}

/** What came of locking and comparing: the difference where one was asked for, and a line for each image without digest. */
export interface LockOutcome {
  readonly difference?: ImagesDifference;
  readonly problems: readonly string[];
}

/**
 * Write the lock, if one is wanted and the list is complete, and compare with what was there before. Registries are asked only
 * where digests are needed: for a lock, and to compare with one.
 *
 * @throws RejectedError LIST_INVALID when what was there before cannot be read
 */
export async function lockAndCompare(
  { findings }: Selected,
  { lock, diff, stripRegistry, hostless }: LockRequest,
  registries: Registries,
  signal: AbortSignal,
): Promise<LockOutcome> {
  const images = requiredImages(findings);
  const before = diff === undefined ? undefined : readCompared(await readText(diff)).map(spell);
  const asks = lock !== undefined || before?.some(({ digest }) => digest !== undefined);
  const { locked, failures } = asks ? await lockImages(images, registries, signal) : nothingLocked;
  const problems = failures.map(({ image, error }) => `no digest of ${image}: ${error.message}`);
  if (lock !== undefined && problems.length + findings.unresolved.length === 0) {
    await writeFile(lock, formatLock(locked));
  }
  if (before === undefined) return { problems };
  const digests = new Map(locked.map(({ image, digest }) => [image, { digest }]));
  const now = images.map((image) => ({ image: stripRegistry ? withoutRegistry(image) : image, ...digests.get(image) }));
  return { problems, difference: hostless ? compareHostless(before, now) : compareImages(before, now) };

  /** Locks name hosts always; lists are spelled as the one they are compared with. */
  function spell(each: ComparedImage): ComparedImage {
    return stripRegistry && each.digest !== undefined ? { ...each, image: withoutRegistry(each.image) } : each;
  }
}

const nothingLocked: Awaited<ReturnType<typeof lockImages>> = { locked: [], failures: [] };
