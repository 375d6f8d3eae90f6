import { RejectedError, type StowageError, TransientError } from "../../errors.ts";
import type { ConnectionFailure } from "./http.ts";
import { parseRetryAfter } from "./retry.ts";

/** Registries explain themselves in a few hundred bytes. */
export const MAX_REFUSAL_BYTES = 8 * 1024;
const MAX_REASON_CHARACTERS = 300;

/** What a registry says about a refusal. */
export interface Refusal {
  /** Such as NAME_UNKNOWN. */
  readonly code: string;
  readonly message: string;
}

/**
 * The first error of a registry's answer: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 *
 * @returns undefined when it is something else: proxies and login pages speak HTML
 */
export function parseRefusal(bytes: Uint8Array): Refusal | undefined {
  let json: { errors?: readonly (Partial<Record<keyof Refusal, unknown>> | null)[] } | null;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  const first = Array.isArray(json?.errors) ? json.errors[0] : undefined;
  if (typeof first?.code !== "string") return undefined;
  return { code: first.code, message: typeof first.message === "string" ? first.message : "" };
}

/** The registry's words, fit for one line of a log. */
export function describeRefusal({ code, message }: Refusal): string {
  const text = `${code}${message === "" ? "" : `: ${message}`}`.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return text.length <= MAX_REASON_CHARACTERS ? text : `${text.slice(0, MAX_REASON_CHARACTERS)}…`;
}

/** The table of statuses: what may pass is worth another try, everything else is final. */
export function errorOfStatus(status: number, message: string, retryAfter?: string): StowageError {
  if (status === 408 || status === 429 || status >= 500) {
    return new TransientError("REGISTRY_UNAVAILABLE", message, { retryAfter: parseRetryAfter(retryAfter) });
  }
  if (status === 401 || status === 403) return new RejectedError("REGISTRY_DENIED", message);
  if (status === 404) return new RejectedError("CONTENT_UNKNOWN", message);
  return new RejectedError("REGISTRY_REFUSED", message);
}

/**
 * The error of an answer that was expected, and is one all the same.
 *
 * @param action what could not be done, to stand behind "Cannot"
 */
export function errorOfAnswer(
  action: string,
  { status, bytes }: { readonly status: number; readonly bytes: Uint8Array },
): StowageError {
  const refusal = parseRefusal(bytes);
  const why = refusal ? ` (${describeRefusal(refusal)})` : "";
  return errorOfStatus(status, `Cannot ${action}: the registry answered ${status}${why}`);
}

/** @param action what could not be done, to stand behind "Cannot" */
export const errorOfConnection = (action: string, failure: ConnectionFailure): TransientError =>
  new TransientError("REGISTRY_UNAVAILABLE", `Cannot ${action}: the registry did not answer: ${failure.message}`, {
    cause: failure,
  });

/** What was not even asked, since the registry has just asked for a pause. */
export function errorOfPause(action: string, milliseconds: number): TransientError {
  const retryAfter = Math.ceil(milliseconds / 1000);
  return new TransientError(
    "REGISTRY_UNAVAILABLE",
    `Cannot ${action}: the registry asked not to be asked for ${retryAfter} seconds`,
    { retryAfter },
  );
}
