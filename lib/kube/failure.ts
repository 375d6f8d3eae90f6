import * as z from "zod";
import { RejectedError, type StowageError, TransientError } from "../errors.ts";
import { jsonOf } from "./answers.ts";
import type { Answer, NoAnswer } from "./exchange.ts";

const MAX_REASON_CHARACTERS = 500;

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ as far as it was told. */
interface Status {
  /** Such as `AlreadyExists`. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Whether the object that was meant has another uid. */
  readonly otherObject: boolean;
}

/**
 * The error of an answer that is none.
 *
 * @param action what could not be done, to stand behind "Cannot"
 * @param creates whether an object was to be made, and not one that may be there
 */
export function errorOfAnswer(action: string, answer: Answer, creates: boolean): StowageError {
  const status = parseStatus(answer.text);
  const message = `Cannot ${action}: the API server answered ${answer.status}${described(status)}`;
  switch (answer.status) {
    case 401:
    case 403:
      return new RejectedError("KUBE_DENIED", message);
    case 404:
      return new RejectedError("KUBE_NOT_FOUND", message);
    case 409:
      return creates && status.reason === "AlreadyExists"
        ? new RejectedError("KUBE_EXISTS", message)
        : new TransientError("KUBE_CONFLICT", message);
    case 422:
      return status.otherObject
        ? new TransientError("KUBE_CONFLICT", message)
        : new RejectedError("KUBE_REFUSED", message);
    // a list that took too long to read
    case 410:
    case 408:
    case 429:
      return unavailable(message, answer, status);
    default:
      return answer.status >= 500 ? unavailable(message, answer, status) : new RejectedError("KUBE_REFUSED", message);
  }
}

/** @param action what could not be done, to stand behind "Cannot" */
export const errorOfSilence = (action: string, failure: NoAnswer): TransientError =>
  new TransientError("KUBE_UNAVAILABLE", `Cannot ${action}: the API server did not answer: ${failure.message}`, {
    cause: failure,
  });

const unavailable = (message: string, { headers }: Answer, { retryAfterSeconds }: Status): TransientError => {
  const header = headers["retry-after"];
  // the API server only ever sends whole seconds
  const seconds = /^\d{1,5}$/.test(header ?? "") ? Number(header) : retryAfterSeconds;
  return new TransientError("KUBE_UNAVAILABLE", message, { retryAfter: seconds });
};

const statusSchema = z
  .object({
    reason: z.string().optional().catch(undefined),
    message: z.string().optional().catch(undefined),
    details: z
      .object({
        retryAfterSeconds: z.number().positive().optional().catch(undefined),
        causes: z.array(z.object({ field: z.string().optional() })).catch([]),
      })
      .catch({ causes: [] }),
  })
  // what stands before the API server may answer in HTML
  .catch({ details: { causes: [] } });

function parseStatus(text: string): Status {
  const { reason, message, details } = statusSchema.parse(jsonOf(text));
  return {
    reason,
    message,
    retryAfterSeconds: details.retryAfterSeconds,
    otherObject: details.causes.some(({ field }) => field === "metadata.uid"),
  };
}

/** The server's words, fit for one line of a log. */
function described({ reason, message }: Status): string {
  const text = [reason, message]
    .filter(Boolean)
    .join(": ")
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim();
  if (text === "") return "";
  return ` (${text.length <= MAX_REASON_CHARACTERS ? text : `${text.slice(0, MAX_REASON_CHARACTERS)}…`})`;
}
