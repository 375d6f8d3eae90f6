import { derivedId, toStructured } from "../lib/events/index.ts";
import { defineSink } from "../lib/runtime/index.ts";

/** Takes what could not be delivered, whatever it is, and keeps it with the reason. Burying twice changes nothing. */
export default defineSink({
  name: "bury",
  needs: ["store"],

  async run(event, { store, log, signal }) {
    const { knativeerrordest, knativeerrorcode, knativeerrordata } = event.extensions;
    const reason = Buffer.from(knativeerrordata ?? "", "base64").toString("utf8");
    const key = `dead/${derivedId(event.source, event.id, knativeerrordest ?? "")}.json`;
    const letter = { to: knativeerrordest, status: knativeerrorcode, reason, event: toStructured(event) };
    await store.put(key, `${JSON.stringify(letter, null, 2)}\n`, { ifAbsent: true, signal });
    log.error({ key, to: knativeerrordest, status: knativeerrorcode, reason }, "buried a dead letter");
  },
});
