import { parentPort } from "node:worker_threads";
import { answer, type Question } from "./answer.ts";

/** Finds the images of one chart after the other, as the pool asks for them. */
parentPort?.on("message", async (question: Question) => {
  parentPort?.postMessage(await answer(question));
});
