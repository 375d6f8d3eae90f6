/** What a trigger hands events to. By convention a Service or JobSink is named as the function it runs. */
export interface Subscriber {
  readonly kind: "Service" | "JobSink";
  readonly name: string;
}

/** How a trigger wants its events delivered, as Knative's DeliverySpec says it. All times in milliseconds. */
export interface Delivery {
  /** Further attempts after the first. */
  readonly retry: number;
  readonly backoffPolicy?: "linear" | "exponential" | undefined;
  readonly backoffDelay?: number | undefined;
  /** For one attempt. */
  readonly timeout?: number | undefined;
  /** Most that a `Retry-After` is honoured for. Absent or 0: it is ignored. */
  readonly retryAfterMax?: number | undefined;
  /** Takes what could not be delivered. */
  readonly deadLetterSink?: Subscriber | undefined;
}

/** What Knative does where neither Broker nor Trigger say anything (ConfigMap config-br-defaults). */
export const defaultDelivery: Delivery = { retry: 10, backoffPolicy: "exponential", backoffDelay: 200 };

/** A wait that would overflow in Knative ends here. */
const LONGEST = 7 * 24 * 3600 * 1000;

/** Knative's rule which answers are worth another attempt: knative/eventing pkg/kncloudevents/retries.go, SelectiveRetry. */
export const redelivers = (status: number): boolean => status >= 500 || [404, 408, 409, 429].includes(status);

/**
 * Milliseconds to wait after a failed attempt, as Knative waits (knative/eventing pkg/kncloudevents/retries.go,
 * RetryConfigFromDeliverySpec and generateBackoffFn): none unless policy and delay are both given.
 *
 * @param attempt how many attempts failed before this one: 0 after the first
 * @param retryAfter seconds the answer asked for
 */
export function backoff(delivery: Delivery, attempt: number, retryAfter = 0): number {
  const { backoffPolicy, backoffDelay = 0, retryAfterMax = 0 } = delivery;
  const factor = backoffPolicy === undefined ? 0 : backoffPolicy === "linear" ? attempt : 2 ** Math.min(attempt, 50);
  return Math.min(LONGEST, Math.max(backoffDelay * factor, Math.min(retryAfter * 1000, retryAfterMax)));
}
