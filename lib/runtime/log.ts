import pino from "pino";
import type { Log } from "./function.ts";

export interface LogOptions {
  /** debug, info, warn, error or silent. Default: `LOG_LEVEL`, else info. */
  readonly level?: string | undefined;
  /** Takes whole lines. Default: standard error, written at once, so that nothing is lost when the process ends. */
  readonly write?: (line: string) => void;
}

const LEVELS = ["debug", "info", "warn", "error", "silent"];
const SECRET = /authorization|cookie|credential|passphrase|passw(or)?d|secret|token|(api|access|private)[-_]?key/i;
/** Fields nested deeper are not shown: a log line is no dump. */
const MAX_DEPTH = 6;

/** A log of JSON lines. Values under keys that sound like secrets never reach it, however deep they lie. */
export function createLog({ level = process.env["LOG_LEVEL"], write }: LogOptions = {}): Log {
  const logger = pino(
    {
      level: level !== undefined && LEVELS.includes(level) ? level : "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // errors are made presentable below
      serializers: { err: (value: unknown) => value },
    },
    write === undefined ? pino.destination({ fd: 2, sync: true }) : { write },
  );
  return logOf(logger);
}

function logOf(logger: pino.Logger): Log {
  const line =
    (level: "debug" | "info" | "warn" | "error") =>
    (fields: object, message: string): void => {
      if (logger.isLevelEnabled(level)) logger[level](shown(fields) as object, message);
    };
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    child: (fields) => logOf(logger.child(shown(fields) as pino.Bindings)),
  };
}

function shown(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === MAX_DEPTH) return "[…]";
  if (value instanceof Error) return shownError(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((each) => shown(each, depth + 1));
  if (value instanceof Date) return value;
  if (value instanceof URL) return `${value.origin}${value.pathname}`;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, SECRET.test(key) ? "[redacted]" : shown(each, depth + 1)]),
  );
}

/** Only what every error has: its own fields may hold a whole request with all headers. */
function shownError({ name, message, stack, cause, ...fields }: Error & { code?: unknown }, depth: number): object {
  return {
    type: name,
    message,
    ...(fields.code === undefined ? {} : { code: String(fields.code) }),
    stack,
    ...(cause === undefined ? {} : { cause: shown(cause, depth + 1) }),
  };
}
