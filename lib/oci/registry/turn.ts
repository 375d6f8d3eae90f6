/** Whose turn it is in an exchange, and for how long. */
export interface Turn {
  /** Now it is the other side's turn: to take bytes, or to send some. */
  start(): void;
  stop(): void;
  /** Stop for good: what is still running may start it no more. */
  end(): void;
}

/**
 * Measures how long the other side takes while it is its turn. A slow reader or source on our side does not count, which
 * is why this is not the socket's own timeout.
 *
 * @param patience milliseconds
 */
export function createTurn(patience: number, onOver: (error: Error) => void): Turn {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const stop = (): void => clearTimeout(timer);
  return {
    stop,
    start() {
      stop();
      if (ended) return;
      timer = setTimeout(() => onOver(new Error(`nothing came for ${patience / 1000} seconds`)), patience);
    },
    end() {
      ended = true;
      stop();
    },
  };
}
