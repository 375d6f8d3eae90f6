import { writeFile } from "node:fs/promises";
import {
  type ComparedImage,
  checkPresence,
  compareHostless,
  compareImages,
  type Findings,
  formatLock,
  type ImagesDifference,
  lockImages,
  readCompared,
  requiredImages,
  withoutRegistry,
} from "../images/index.ts";
import type { Registries } from "../oci/index.ts";
import { readText } from "./read-text.ts";

export interface ListRequest {
  /** The registries that may be asked whether possible and suspected images are there. */
  readonly hosts: readonly string[];
  /** File for the lock. */
  readonly lock: string | undefined;
  /** File with a list or lock from before. */
  readonly diff: string | undefined;
  /** Take hosts away before comparing. */
  readonly stripRegistry: boolean;
  /** The lists that are compared have no hosts. */
  readonly hostless: boolean;
}

export interface ListOutcome extends LockOutcome {
  /** With what registries say of possible and suspected images. */
  readonly findings: Findings;
}

/** Ask the registries about what was found, and do with the list what the request says: {@linkcode lockAndCompare}. */
export async function checkAndCompare(
  found: Findings,
  request: ListRequest,
  registries: () => Promise<Registries>,
  signal: AbortSignal,
): Promise<ListOutcome> {
  const { hosts } = request;
  const findings = hosts.length === 0 ? found : await checkPresence(found, await registries(), hosts, signal);
  return { findings, ...(await lockAndCompare(findings, request, registries, signal)) };
}

/** What came of locking and comparing: the difference where one was asked for, and a line for each image without digest. */
interface LockOutcome {
  readonly difference?: ImagesDifference;
  readonly problems: readonly string[];
}

/**
 * Write the lock, if one is wanted and the list is complete, and compare with what was there before. Registries are asked only
 * where digests are needed: for a lock, and to compare with one.
 *
 * @throws RejectedError LIST_INVALID when what was there before cannot be read
 */
async function lockAndCompare(
  findings: Findings,
  { lock, diff, stripRegistry, hostless }: ListRequest,
  registries: () => Promise<Registries>,
  signal: AbortSignal,
): Promise<LockOutcome> {
  const images = requiredImages(findings);
  const before = diff === undefined ? undefined : readCompared(await readText(diff)).map(spell);
  const asks = lock !== undefined || before?.some(({ digest }) => digest !== undefined);
  const { locked, failures } = asks ? await lockImages(images, await registries(), signal) : nothingLocked;
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
