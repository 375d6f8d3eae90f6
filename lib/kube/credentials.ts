import type { RequestOptions } from "node:https";
import { RejectedError } from "../errors.ts";

/** Where the API server is, and as whom it is asked. */
export interface Credentials {
  /** Its path, if any, stands before every path of the API; it ends with "/". */
  readonly server: URL;
  /** Where the account works, if that is said. */
  readonly namespace: string | undefined;
  /**
   * What a request needs to trust and to be trusted: TLS, proxy, headers. To be asked for every request: tokens in files
   * change.
   *
   * @throws RejectedError CREDENTIALS_INVALID
   */
  authorize(): Promise<RequestOptions>;
}

/**
 * Read something that holds secrets. A failure is told without the reader's words: they may quote it.
 *
 * @param place whose credentials, to stand behind "Cannot use"
 * @throws RejectedError CREDENTIALS_INVALID
 */
export async function readSecrets<T>(place: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== undefined) throw unusable(place, path === undefined ? code : `${code} at "${path}"`);
    throw unusable(place, "it, or what it refers to, is damaged or of an unknown kind");
  }
}

export const unusable = (place: string, why: string): RejectedError =>
  new RejectedError("CREDENTIALS_INVALID", `Cannot use ${place}: ${why}`);
