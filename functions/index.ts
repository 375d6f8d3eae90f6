import type { AnyFunction } from "../lib/runtime/index.ts";

/** Every function by name, loaded only when asked for: a cold start pays for one. */
export const functions = {
  "build-bundle": () => import("./build-bundle.ts"),
  bury: () => import("./bury.ts"),
  "follow-release": () => import("./follow-release.ts"),
  "index-charts": () => import("./index-charts.ts"),
  "list-images": () => import("./list-images.ts"),
  "mirror-images": () => import("./mirror-images.ts"),
  "receive-webhook": () => import("./receive-webhook.ts"),
  "report-release": () => import("./report-release.ts"),
  "serve-charts": () => import("./serve-charts.ts"),
  "start-job": () => import("./start-job.ts"),
} as const satisfies Record<string, () => Promise<{ readonly default: AnyFunction }>>;

export type FunctionName = keyof typeof functions;
export const isFunctionName = (name: string): name is FunctionName => Object.hasOwn(functions, name);
