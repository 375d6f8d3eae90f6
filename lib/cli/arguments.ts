import { type ParseArgsConfig, parseArgs } from "node:util";

/** The command line asks for something that is not there. Exit status 2; the command line is the only one to blame. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Read a verb's arguments strictly. @throws UsageError */
export function readArguments<const O extends Options>(
  args: readonly string[],
  options: O,
  { min = 0, max = min }: { readonly min?: number; readonly max?: number } = {},
) {
  let parsed: ReturnType<typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // parseArgs throws TypeErrors that say what is wrong in their first sentence
    throw new UsageError((error as Error).message.split(". ", 1)[0]);
  }
  const { length } = parsed.positionals;
  if (length < min) throw new UsageError(`${min - length} more argument${min - length === 1 ? "" : "s"} needed`);
  if (length > max) throw new UsageError(`unexpected argument "${parsed.positionals[max]}"`);
  return parsed;
}

/** @throws UsageError */
export function readPort(text: string, option: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) throw new UsageError(`--${option} takes a port, not "${text}"`);
  return port;
}

/** Something cli.md promises and this version does not do yet: refused, never ignored. */
export const notYet = (what: string): UsageError => new UsageError(`${what} is not supported yet`);
