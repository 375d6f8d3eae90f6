/** What a request asks for. */
export type Operation =
  | "put"
  | "get"
  | "head"
  | "list"
  | "delete"
  | "begin"
  | "part"
  | "copy"
  | "complete"
  | "abort"
  | "parts"
  | "uploads"
  | "sts";

export type ServiceFault =
  /** Answered instead of doing anything. */
  | { readonly kind: "status"; readonly status: number; readonly code: string; readonly retryAfter?: string }
  /** The connection is reset; nothing is done. */
  | { readonly kind: "reset" }
  /** It is done, and the connection is reset instead of an answer. */
  | { readonly kind: "lost answer" }
  /** It is said to be done, and is not. */
  | { readonly kind: "forget" }
  /** One bit arrives as another, and nobody notices; sums and ETags are of what arrived. */
  | { readonly kind: "flip" }
  /** The sum that is told is another. */
  | { readonly kind: "wrong sum" }
  /** The body of the answer ends in the middle, with the connection. */
  | { readonly kind: "cut" }
  /** Joined are all parts but the first. */
  | { readonly kind: "lose a part" }
  /** So many milliseconds before anything happens. */
  | { readonly kind: "slow"; readonly milliseconds: number };

export interface FaultRule {
  readonly on: Operation | readonly Operation[];
  readonly fault: ServiceFault;
  /** How often at most. */
  readonly times?: number;
  /** Only every nth. */
  readonly every?: number;
}

export class Faults {
  readonly #rules: (FaultRule & { seen: number; fired: number })[] = [];

  add(...rules: readonly FaultRule[]): void {
    this.#rules.push(...rules.map((rule) => ({ ...rule, seen: 0, fired: 0 })));
  }

  clear(): void {
    this.#rules.length = 0;
  }

  next(operation: Operation): ServiceFault | undefined {
    for (const rule of this.#rules) {
      if (![rule.on].flat().includes(operation) || rule.fired === rule.times) continue;
      if (++rule.seen % (rule.every ?? 1) !== 0) continue;
      rule.fired++;
      return rule.fault;
    }
    return undefined;
  }
}
