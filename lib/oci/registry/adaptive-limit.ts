/** What a limit begins with, as browsers do it for a host they do not know. */
const START = 4;
/** How many answers tell what a host takes when it has nothing else to do. */
const WINDOW = 100;
/** Differences up to this are the network's and the scheduler's, and say nothing about the host. */
const SLACK_MS = 50;

/**
 * How much may be under way at a host at once, found out by trying: additive increase, multiplicative decrease, which
 * settles at a fair share when several do the same (Chiu and Jain 1989), with TCP's slow start until it has gone too far
 * for the first time and at most one decrease for what was under way together (RFC 5681 section 3). As in TCP Vegas
 * (Brakmo and Peterson 1995) it grows only while answers take no longer than they did: a host that queues is not helped
 * by more.
 */
export class AdaptiveLimit {
  readonly #most: number;
  #limit: number;
  /** Below it, growth is fast. */
  #threshold = Number.POSITIVE_INFINITY;
  #cutAt = Number.NEGATIVE_INFINITY;
  /** Milliseconds until an answer begins: lately, and the least of this window and of the last. */
  #recent: number | undefined;
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #answers = 0;

  constructor(most: number) {
    this.#most = most;
    this.#limit = Math.min(START, most);
  }

  get value(): number {
    return Math.floor(this.#limit);
  }

  /** An answer began after so many milliseconds. */
  answered(latency: number): void {
    this.#recent = this.#recent === undefined ? latency : this.#recent + (latency - this.#recent) / 5;
    this.#least = Math.min(this.#least, latency);
    this.#answers += 1;
    if (this.#answers % WINDOW !== 0) return;
    this.#leastBefore = this.#least;
    this.#least = latency;
  }

  /** Something went well while all places were taken. */
  grow(): void {
    const usual = Math.min(this.#least, this.#leastBefore);
    if (this.#recent !== undefined && this.#recent > 2 * usual + SLACK_MS) return;
    const step = this.#limit < this.#threshold ? 1 : 1 / this.#limit;
    this.#limit = Math.min(this.#most, this.#limit + step);
  }

  /**
   * The host refused for want of room, or broke off.
   *
   * @param began when what it refused was begun: what was under way before the last decrease says nothing new
   */
  shrink(began: number, now: number): void {
    if (began <= this.#cutAt) return;
    this.#cutAt = now;
    this.#limit = Math.max(1, this.#limit / 2);
    this.#threshold = this.#limit;
  }
}
