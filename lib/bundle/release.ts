import { type Document, parseDocument } from "yaml";
import { RejectedError } from "../errors.ts";
import { type Release, releaseSchema } from "./release-schema.ts";

/** @throws RejectedError RELEASE_INVALID with every problem at once */
export function checkRelease(given: unknown): Release {
  const parsed = releaseSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "it" : path.join(".")}: ${message}`,
  );
  throw new RejectedError("RELEASE_INVALID", `Cannot use release description: ${problems.join("; ").slice(0, 1000)}`);
}

const MAX_BYTES = 1024 * 1024;

/** Read a release description written as YAML. @throws RejectedError RELEASE_INVALID */
export function readRelease(text: string): Release {
  const refuse = (why: string): never => {
    throw new RejectedError("RELEASE_INVALID", `Cannot read release description: ${why}`);
  };
  if (text.length > MAX_BYTES) return refuse(`it has more than ${MAX_BYTES} characters`);
  const document: Document = parseDocument(text, { uniqueKeys: true, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) return refuse(error.message.split("\n", 1)[0]!);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 50 });
  } catch {
    return refuse("it uses too many aliases");
  }
  return checkRelease(value);
}
