import { derivedId, follow, toStructured, type WireEvent } from "../lib/events/index.ts";
import { releaseOf } from "../lib/release/index.ts";
import { defineSink } from "../lib/runtime/index.ts";

const CODE = /^[A-Z][A-Z_]{0,99}$/;
const RUN_FAILED = "dev.stowage.run.failed.v1";

/**
 * Takes what could not be delivered, whatever it is, and keeps it with the reason. Burying twice changes nothing. Where a
 * Release of the cluster waits for what the event asked for, it is told.
 */
export default defineSink({
  name: "bury",
  needs: ["store", "publish"],

  async run(event, { store, publish, log, signal }) {
    const { knativeerrordest, knativeerrorcode, knativeerrordata } = event.extensions;
    const reason = Buffer.from(knativeerrordata ?? "", "base64").toString("utf8");
    const key = `dead/${derivedId(event.source, event.id, knativeerrordest ?? "")}.json`;
    const letter = { to: knativeerrordest, status: knativeerrorcode, reason, event: toStructured(event) };
    await store.put(key, `${JSON.stringify(letter, null, 2)}\n`, { ifAbsent: true, signal });
    log.error({ key, to: knativeerrordest, status: knativeerrorcode, reason }, "buried a dead letter");
    // word of a failure that cannot be delivered is not worth another
    if (event.type === RUN_FAILED || !isOfRelease(event)) return;
    const name = functionAt(knativeerrordest ?? "");
    const data = {
      function: name,
      type: event.type.slice(0, 255),
      ...failureIn(reason, knativeerrorcode),
      again: false,
    };
    const failed = follow(event, RUN_FAILED, { source: "/stowage/bury", subject: `${name}: ${data.code}`, data });
    await publish([failed], signal).catch((err: unknown) => log.warn({ err }, "could not tell the Release"));
  },
});

function isOfRelease(event: WireEvent): boolean {
  try {
    return releaseOf(event) !== undefined;
  } catch {
    // an attribute that nobody understands may be what it was buried for
    return false;
  }
}

/** Knative says where it went by the URL, the embedded broker by the name. */
const functionAt = (destination: string): string =>
  /^https?:\/\/([a-z0-9-]{1,63})/.exec(destination)?.[1] ?? (destination.slice(0, 100) || "unknown");

/** What the function answered. Who is not a function answers as he likes, and the end of a long answer is missing. */
function failureIn(answer: string, status = "none"): { readonly code: string; readonly reason: string } {
  try {
    const { code, message } = JSON.parse(answer) as Readonly<Record<string, unknown>>;
    if (CODE.test(String(code)) && typeof message === "string")
      return { code: String(code), reason: message.slice(0, 1000) };
  } catch {
    // it is shown as it is
  }
  return { code: `STATUS_${status.slice(0, 10)}`, reason: answer.slice(0, 1000) };
}
