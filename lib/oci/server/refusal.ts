import { type ErrorCode, RejectedError } from "../../errors.ts";

/**
 * The codes of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes, and four that only
 * distribution has (registry/api/v2/errors.go, registry/api/errcode/register.go): TAG_INVALID,
 * PAGINATION_NUMBER_INVALID, UNAVAILABLE and UNKNOWN.
 */
export type RefusalCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PAGINATION_NUMBER_INVALID"
  | "SIZE_INVALID"
  | "TAG_INVALID"
  | "UNAVAILABLE"
  | "UNKNOWN"
  | "UNSUPPORTED";

export interface RefusalOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** What the `detail` of each error says; one error each. */
  readonly details?: readonly unknown[];
}

/** A request that is answered with an error. It ends in the registry's handler, never beyond. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, in the only form the specification allows. */
  readonly body: string;

  constructor(
    status: number,
    code: RefusalCode,
    message: string,
    { headers = {}, details = [undefined], ...options }: RefusalOptions = {},
  ) {
    super(message, options);
    this.status = status;
    this.headers = headers;
    this.body = JSON.stringify({ errors: details.map((detail) => ({ code, message, detail })) });
  }
}

/** Wait for `work`; when it is rejected with `code`, answer with a refusal instead. */
export async function refusing<T>(work: Promise<T>, code: ErrorCode, as: (error: Error) => Refusal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof RejectedError && error.code === code ? as(error) : error;
  }
}
