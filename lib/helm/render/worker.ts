import { parentPort } from "node:worker_threads";
import { answerTo, type Question } from "./answer.ts";

/** Renders one chart after the other, as the pool asks for them. */
parentPort?.on("message", async (question: Question) => {
  parentPort?.postMessage(await answerTo(question));
});
