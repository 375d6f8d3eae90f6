import type * as z from "zod";
import { RejectedError } from "../errors.ts";
import { quoted } from "./keys.ts";
import type { Reader } from "./store.ts";

/**
 * A whole object that is small enough.
 *
 * @param limit most bytes
 * @throws RejectedError STORE_NOT_FOUND, or STORE_OBJECT_INVALID when it is larger
 */
export async function readObject(
  store: Pick<Reader, "get">,
  key: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  // One byte more than allowed is enough to know.
  const { size, body } = await store.get(key, { end: limit + 1, signal });
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  if (size > limit) throw refused(key, `it has ${size} bytes, more than ${limit}`);
  return Buffer.concat(chunks);
}

/**
 * A whole object that is JSON of a certain form.
 *
 * @param limit most bytes
 * @throws RejectedError STORE_NOT_FOUND, or STORE_OBJECT_INVALID when it is larger, no JSON or does not fit the schema
 */
export async function readJson<T>(
  store: Reader,
  key: string,
  schema: z.ZodType<T>,
  limit: number,
  signal?: AbortSignal,
): Promise<T> {
  const text = Buffer.from(await readObject(store, key, limit, signal)).toString("utf8");
  const checked = schema.safeParse(parse(key, text));
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw refused(key, problems.join("; ").slice(0, 400));
}

function parse(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused(key, "it is not JSON", cause);
  }
}

const refused = (key: string, why: string, cause?: unknown): RejectedError =>
  new RejectedError("STORE_OBJECT_INVALID", `Cannot read object ${quoted(key)}: ${why}`, { cause });
