import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { parseData } from "../events/index.ts";
import { type Delivery, firstHeader } from "./authenticate.ts";

export const JSON_TYPE = "application/json";
export const FORM_TYPE = "application/x-www-form-urlencoded";
export const CLOUD_EVENT_TYPE = "application/cloudevents+json";

/** Notifications or tags one delivery may hold. */
export const MAX_NOTIFICATIONS = 1000;

/** The content type of a delivery without parameters, in lower case. */
export const mediaTypeOf = ({ headers }: Delivery): string =>
  (headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();

/**
 * The JSON of a body, bounded in depth: as it is, or in the field `payload` of a form.
 *
 * @throws RejectedError EVENT_MALFORMED, WEBHOOK_INVALID
 */
export function readPayload(delivery: Delivery): unknown {
  if (mediaTypeOf(delivery) !== FORM_TYPE) return parseData(delivery.body, "notification");
  const [payload, ...more] = new URLSearchParams(Buffer.from(delivery.body).toString("utf8")).getAll("payload");
  if (payload === undefined || more.length > 0) throw invalid("the form does not hold one payload");
  return parseData(Buffer.from(payload), "notification");
}

/** Read what a whole body must be. @throws RejectedError WEBHOOK_INVALID naming every problem */
export function requireShape<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(problemsOf(parsed.error));
  return parsed.data;
}

/** @throws RejectedError WEBHOOK_INVALID when none of the headers is there */
export function requireHeader({ headers }: Delivery, names: readonly string[]): string {
  const value = firstHeader(headers, names);
  if (value === undefined || value === "") throw invalid(`there is no header ${names[0]}`);
  return value;
}

export const problemsOf = (error: z.ZodError): string =>
  error.issues.map(({ path, message }) => `${path.length === 0 ? "" : `${path.join(".")}: `}${message}`).join("; ");

export const invalid = (why: string): RejectedError =>
  new RejectedError("WEBHOOK_INVALID", `Cannot read notification: ${why.slice(0, 300)}`);

/** The host that a URL or reference in a notification begins with, to be compared and never to be asked. */
export const hostOf = (text: string | undefined): string | undefined =>
  text?.includes("/") ? text.replace(/^https?:\/\//i, "").split("/", 1)[0] : undefined;

/** Text that only describes: what has another type is as good as absent. */
export const description = z.string().max(255).optional().catch(undefined);

/** RFC 3339, else undefined: a sender's clock is worth no refusal. Milliseconds, in UTC. */
export const instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/i)
  .transform((text) => instantOf(Date.parse(text)))
  .optional()
  .catch(undefined);

/** @param milliseconds since the epoch */
export function instantOf(milliseconds: number): string | undefined {
  const date = new Date(milliseconds);
  const text = Number.isNaN(date.valueOf()) ? "" : date.toISOString();
  return /^\d{4}-/.test(text) ? text : undefined;
}
