import { prepareThread } from "../images/optional/threads.ts";

/** What `images` is told where no chart is to be rendered, or most were before. */
const rendersLittle: ReadonlySet<string> = new Set([
  "--manifests",
  "--lists",
  "--placeholders",
  "--data",
  "--help",
  "-h",
]);

/** Start what takes its time, and what a command line will surely need. To be called before anything else is loaded. */
export function prepare([verb, ...args]: readonly string[]): void {
  if (verb === "images" && !args.some((arg) => rendersLittle.has(arg.split("=", 1)[0]!))) prepareThread();
}
