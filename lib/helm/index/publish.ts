import { hashing, type Segment } from "../../archive/index.ts";
import { concurrently, type Digest, Turns } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { assemble, type TextName, textKey, textNames } from "./assemble.ts";
import { newestGeneration, removeParts } from "./commit.ts";
import {
  type Generation,
  generationNumbers,
  numbersBelow,
  readGeneration,
  removeGeneration,
  versionsOf,
} from "./generation.ts";
import { type Head, headNumbers, readHead, removeHead, writeHead } from "./head.ts";
import { LOST, unlessMissing, untilSettled } from "./missing.ts";
import type { Row } from "./part.ts";
import type { Scope } from "./scope.ts";

/** Those who write in one process take turns: whoever comes after another often finds his work done. */
const turns = new WeakMap<Store, Turns>();

/** Run `work` while no other of this process does the same kind of work on the same index of the same store. */
export function inTurn<T>(store: Store, key: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let own = turns.get(store);
  if (own === undefined) {
    own = new Turns();
    turns.set(store, own);
  }
  return own.take(key, work, signal);
}

/**
 * See to it that a generation, or a newer one, can be served. Safe to repeat, and for any number of writers.
 *
 * @param replaced parts that the generation has taken out of the index: they are removed
 * @returns the newest head
 */
export async function publish(
  scope: Scope,
  { number }: Generation,
  replaced: readonly Row[],
  store: Store,
  signal: AbortSignal,
): Promise<Head> {
  const head = await inTurn(
    store,
    `publish ${scope.root}`,
    () =>
      untilSettled(`publish ${scope.root}`, signal, async (missed) => {
        const last = await readHead(store, scope.root, signal);
        if (last !== undefined && last.number >= number) return last;
        const generation = await newestGeneration(scope, store, signal);
        return generation && publishTexts(scope, generation, missed < LOST ? last : undefined, store, signal);
      }),
    signal,
  );
  await removeParts(scope, replaced, store, signal);
  return head;
}

async function publishTexts(
  scope: Scope,
  generation: Generation,
  last: Head | undefined,
  store: Store,
  signal: AbortSignal,
): Promise<Head> {
  const { root } = scope;
  // its rows only say what can be copied: without them, all is taken from the parts
  const base = last && (await unlessMissing(readGeneration(store, root, last.number, signal)));
  const write = async (name: TextName, stop: AbortSignal) => {
    const text: Segment = assemble(store, root, name, generation, base);
    const hashed = hashing(text);
    await store.put(textKey(root, generation.number, name), hashed, { signal: stop });
    const digest: Digest = `sha256:${await hashed.sha256(stop)}`;
    return [name, { size: text.size, digest }] as const;
  };
  const texts = Object.fromEntries(await concurrently(textNames, textNames.length, write, signal)) as Head["texts"];
  const head = { number: generation.number, charts: versionsOf(generation), texts };
  await writeHead(store, root, head, signal);
  await removeOld(scope, generation.number, store, signal);
  return head;
}

/** What nobody reads who has listed the heads since: all that is older than the last one before the newest. */
async function removeOld({ root }: Scope, newest: number, store: Store, signal: AbortSignal): Promise<void> {
  const heads = (await headNumbers(store, root, signal)).filter((number) => number <= newest);
  const kept = heads.at(-2) ?? 0;
  const isOld = (number: number): boolean => number < kept;
  for (const number of heads.filter(isOld)) await removeHead(store, root, number, signal);
  for (const number of (await numbersBelow(store, `${root}texts/`, signal)).filter(isOld)) {
    for (const name of textNames) await store.delete(textKey(root, number, name), signal);
  }
  const generations = (await generationNumbers(store, root, signal)).filter(isOld);
  for (const number of generations) await removeGeneration(store, root, number, signal);
}
