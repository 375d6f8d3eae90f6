import { createHash } from "node:crypto";

/**
 * What goes wrong with a request. `at` is an offset in a body, counted from 0; one behind the body's end means its last
 * byte, so that the fault always happens.
 */
export type Fault =
  /** Answered instead of the registry, which never sees the request. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string }
  /** The connection is reset; the registry never sees the request. */
  | { readonly kind: "reset" }
  /** The registry does what it is asked, and the connection is reset in its answer's body; with 0 or without body, before it. */
  | { readonly kind: "reset-answer"; readonly at: number }
  /** The connection is reset when so many bytes of the request's body have passed. */
  | { readonly kind: "reset-upload"; readonly at: number }
  /** Nothing comes, and the connection stays open; the registry never sees the request. */
  | { readonly kind: "stall" }
  /** The same in the middle of an answer's body. */
  | { readonly kind: "stall-answer"; readonly at: number }
  /** The answer's body ends early, and the connection in good order. */
  | { readonly kind: "truncate"; readonly at: number }
  /** One bit of the answer's body is another. */
  | { readonly kind: "flip"; readonly at: number }
  /** One bit of the request's body is another. */
  | { readonly kind: "flip-upload"; readonly at: number }
  /** The answer's Content-Length is off by so much. */
  | { readonly kind: "wrong-length"; readonly by: number }
  /** The answer's Docker-Content-Digest is of something else. */
  | { readonly kind: "wrong-digest" }
  /** The token that was sent counts no more, from this request on. */
  | { readonly kind: "expire" }
  /** Redirected to where it came from, for ever. */
  | { readonly kind: "loop" }
  /** A login page, with status 200. */
  | { readonly kind: "html" };

/** Which requests something happens to. Without limits: to all, for ever. */
export interface Rule {
  /** One of them, chosen by the seed; those that cannot happen to a request are passed over. */
  readonly faults: readonly Fault[];
  /** Matched against `METHOD /path?query`. */
  readonly match?: RegExp | undefined;
  /** Every nth of those that match. */
  readonly every?: number | undefined;
  /** This share of those that match, from 0 to 1, chosen by the seed. */
  readonly share?: number | undefined;
  /** How often at most. */
  readonly times?: number | undefined;
}

/** Decides what happens to requests. */
export interface FaultPlan {
  add(rule: Rule): void;
  clear(): void;
  /** @param line `METHOD /path?query` */
  next(line: string): Fault | undefined;
}

/**
 * The seed decides by what is asked and how often it was asked before, not by the order in which requests happen to
 * arrive: the same client meets the same faults, however its requests overlap.
 */
export function createFaultPlan(seed: string): FaultPlan {
  const rules: (Rule & { matched: number; fired: number })[] = [];
  const asked = new Map<string, number>();

  return {
    add: (rule) => void rules.push({ ...rule, matched: 0, fired: 0 }),
    clear: () => void rules.splice(0),
    next(line) {
      const request = nameOf(line);
      const count = (asked.get(request) ?? 0) + 1;
      asked.set(request, count);
      for (const rule of rules) {
        if (rule.match?.test(line) === false || rule.fired === rule.times) continue;
        rule.matched += 1;
        if (rule.matched % (rule.every ?? 1) !== 0) continue;
        if (fraction(`${seed} happens ${request} ${count}`) >= (rule.share ?? 1)) continue;
        const possible = rule.faults.filter(({ kind }) => isPossible(kind, line));
        const fault = possible[Math.floor(fraction(`${seed} which ${request} ${count}`) * possible.length)];
        if (fault === undefined) continue;
        rule.fired += 1;
        return fault;
      }
      return undefined;
    },
  };
}

/** The same for the same request of another run: upload sessions have random names and states. */
const nameOf = (line: string): string => line.replace(/\/uploads\/[^?]+\?.*?(?=digest=|$)/, "/uploads/?");

function isPossible(kind: Fault["kind"], line: string): boolean {
  switch (kind) {
    case "reset-upload":
    case "flip-upload":
      return /^(?:PUT|PATCH) /.test(line);
    case "truncate":
    case "flip":
    case "stall-answer":
      return line.startsWith("GET ");
    case "wrong-length":
    case "loop":
    case "html":
      return /^(?:GET|HEAD) /.test(line);
    case "wrong-digest":
      return /^(?:GET|HEAD|PUT) .*\/manifests\//.test(line);
    default:
      return true;
  }
}

/** From 0 up to 1, the same for the same text. */
const fraction = (text: string): number => createHash("sha256").update(text).digest().readUIntBE(0, 6) / 2 ** 48;
