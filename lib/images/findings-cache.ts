import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { createSingleFlight, type Digest, digestOf, hexOf, type SingleFlight } from "../oci/index.ts";
import { readJson, type Store } from "../store/index.ts";
import { type Findings, statuses } from "./finding.ts";
import { imageRules, type RuleName } from "./rules.ts";

/** Where findings are kept, so that no chart is rendered twice. */
export interface FindingsStore {
  readonly store: Store;
  /** Told of an object that cannot be read. It is made anew, and somebody should know why that was necessary. */
  readonly onDamaged?: ((key: string, error: RejectedError) => void) | undefined;
}

/** Some hundred bytes a reason; a chart has some hundred. */
const MAX_FINDINGS_BYTES = 64 * 1024 * 1024;
/** Milliseconds that one run may take: it belongs to nobody who could stop it. */
const MAX_RUN = 5 * 60_000;
/** Goes up whenever the same inputs may give other findings. */
const VERSION = 3;

/**
 * The key of what was found in a chart. It holds everything the findings depend on.
 *
 * @param chart digest of the archive
 * @param inputs what it was rendered by and with; JSON
 */
export const findingsKey = (chart: Digest, inputs: object): string =>
  `images/${hexOf(chart)}/${hexOf(digestOf(JSON.stringify({ findings: VERSION, ...inputs })))}.json`;

/**
 * What lies under a key; what `find` finds, and then keeps there, when nothing does or it cannot be read. Whoever asks for
 * the same key of the same store meanwhile gets the same answer.
 *
 * @param find is not told when a caller goes away, since others may wait for it, but is ended after five minutes
 * @throws what `find` throws, of which nothing is kept; what the store throws
 */
export function keptFindings(
  { store, onDamaged }: FindingsStore,
  key: string,
  find: (signal: AbortSignal) => Promise<Findings>,
  signal?: AbortSignal,
): Promise<Findings> {
  const flights = flightsOf.get(store) ?? createSingleFlight();
  flightsOf.set(store, flights);
  const run = async (): Promise<Findings> => {
    const limit = AbortSignal.timeout(MAX_RUN);
    const known = await readKept(store, key, limit, onDamaged);
    if (known !== undefined) return known;
    const findings = await find(limit);
    await store.put(key, JSON.stringify(findings), { signal: limit });
    return findings;
  };
  return flights(key, run, signal);
}

const flightsOf = new WeakMap<Store, SingleFlight<Findings>>();

async function readKept(
  store: Store,
  key: string,
  signal: AbortSignal,
  onDamaged: FindingsStore["onDamaged"],
): Promise<Findings | undefined> {
  try {
    return await readJson<Findings>(store, key, findingsSchema, MAX_FINDINGS_BYTES, signal);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    if (error.code === "STORE_OBJECT_INVALID") onDamaged?.(key, error);
    else if (error.code !== "STORE_NOT_FOUND") throw error;
    return undefined;
  }
}

const text = z.string();
const reasonSchema = z.strictObject({
  chart: text,
  version: text,
  subchart: text,
  template: text,
  object: text,
  namespace: text.optional(),
  path: text,
  rule: z.enum(Object.keys(imageRules) as [RuleName, ...RuleName[]]),
  raw: text,
  switches: z.array(text),
  condition: text.nullable(),
});
const findingsSchema = z.strictObject({
  images: z.array(
    z.strictObject({ image: text.min(1), status: z.enum(statuses), reasons: z.array(reasonSchema).min(1) }),
  ),
  unresolved: z.array(z.strictObject({ chart: text, reason: text, raw: text.optional() })),
}) as z.ZodType<Findings>;
