import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { RejectedError } from "../errors.ts";

/** Configuration larger than this is not configuration. */
const MAX_BYTES = 1024 * 1024;

/**
 * The content of a configuration file, not checked yet.
 *
 * @throws RejectedError CONFIG_INVALID
 */
export async function readConfigFile(file: string): Promise<unknown> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new RejectedError("CONFIG_INVALID", `Cannot read configuration "${file}": ${why}`, { cause });
  };
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    return refuse((error as NodeJS.ErrnoException).code ?? String(error), error);
  }
  if (text.length > MAX_BYTES) return refuse(`it is larger than ${MAX_BYTES} bytes`);
  const document = parseDocument(text, { strict: true, uniqueKeys: true });
  if (document.errors.length > 0) return refuse(document.errors.map(({ message }) => firstLine(message)).join("; "));
  try {
    return document.toJS({ maxAliasCount: 50 }) ?? {};
  } catch (error) {
    return refuse("it uses too many aliases", error);
  }
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? text;
