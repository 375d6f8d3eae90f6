import * as z from "zod";
import { RejectedError } from "../errors.ts";
import type { KubeObject, Resource } from "./kube.ts";

const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
const page = z.object({
  metadata: z.object({ continue: z.string().optional() }).default({}),
  items: z.array(z.record(z.string(), z.unknown())),
});

/** @throws RejectedError KUBE_REFUSED */
export const objectOf = (action: string, text: string): KubeObject =>
  checked(action, object, jsonOf(text)) as KubeObject;

export interface Page {
  readonly items: readonly KubeObject[];
  /** Asks for what comes behind. */
  readonly rest: string | undefined;
}

/** @throws RejectedError KUBE_REFUSED */
export function pageOf(action: string, text: string, { apiVersion, kind }: Resource): Page {
  const { items, metadata } = checked(action, page, jsonOf(text));
  return {
    // lists of built-in kinds do not say of each item what it is
    items: items.map((item) => checked(action, object, { apiVersion, kind, ...item }) as KubeObject),
    rest: metadata.continue || undefined,
  };
}

/** @returns undefined when it is none */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checked<T extends z.ZodType>(action: string, schema: T, value: unknown): z.infer<T> {
  const { success, data } = schema.safeParse(value);
  if (success) return data;
  throw new RejectedError("KUBE_REFUSED", `Cannot ${action}: the API server answered something else`);
}
