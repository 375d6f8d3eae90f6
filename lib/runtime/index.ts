export {
  type AnyEventFunction,
  type AnyFunction,
  defineFunction,
  defineHttpFunction,
  defineSink,
  type HttpFunction,
  type HttpRequest,
  type HttpResponse,
  type Log,
} from "./function.ts";
export { answer, type Deps, type Failure, invoke, type Outcome, toOutcome } from "./invoke.ts";
export type { Ledger, Made, Run } from "./ledger.ts";
export { createLog } from "./log.ts";
export { postEvent } from "./sink.ts";
export { beginning, type End, type QueueState, type Telemetry, type Work } from "./telemetry.ts";
