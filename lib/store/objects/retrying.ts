import { setTimeout as wait } from "node:timers/promises";
import { RejectedError, StowageError, TransientError } from "../../errors.ts";
import { ServiceFailure } from "./service.ts";

export interface Patience {
  /** How often something is tried at most. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; each further one waits twice as long. */
  readonly firstWait: number;
  /** Milliseconds: when the service asks for more, it is left to the caller. */
  readonly longestWait: number;
}

export const usualPatience: Patience = { attempts: 6, firstWait: 200, longestWait: 20_000 };

/** Do something until the service can, or patience ends. Waits as long as the service says, or longer each time. */
export async function retrying<T>(
  operation: () => Promise<T>,
  { attempts, firstWait, longestWait }: Patience,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ServiceFailure) || error.kind !== "unavailable" || attempt >= attempts) throw error;
      const asked = (error.retryAfter ?? 0) * 1000;
      if (asked > longestWait) throw error;
      // Half of it by chance, so that many who failed together do not come back together.
      const own = Math.min(longestWait, firstWait * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      await wait(Math.max(asked, own), undefined, { signal }).catch((aborted: unknown) => {
        signal?.throwIfAborted();
        throw aborted;
      });
    }
  }
}

/** What a failure of the service is to those who use the store. Other errors pass as they are. */
export function stowageError(doing: string, error: unknown): unknown {
  if (error instanceof StowageError || !(error instanceof ServiceFailure)) return error;
  const message = `Cannot ${doing}: ${error.message}`;
  switch (error.kind) {
    case "denied":
      return new RejectedError("STORE_DENIED", message, { cause: error });
    case "absent":
      return new RejectedError("STORE_NOT_FOUND", `Cannot ${doing}: there is none`, { cause: error });
    case "refused":
      return new RejectedError("STORE_REFUSED", message, { cause: error });
    default:
      // What was there a moment ago is gone or other: the next attempt sees what is.
      return new TransientError("STORE_UNAVAILABLE", message, { cause: error, retryAfter: error.retryAfter });
  }
}
