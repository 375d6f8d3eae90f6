import { RejectedError } from "../errors.ts";
import { type Config, configSchema } from "./schema.ts";

/** Check a configuration at hand. @throws RejectedError CONFIG_INVALID */
export function checkConfig(given: unknown, file?: string): Config {
  const parsed = configSchema.safeParse(given);
  if (parsed.success) return deepFreeze(parsed.data);
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "" : `${path.join(".")}: `}${message}`,
  );
  throw new RejectedError(
    "CONFIG_INVALID",
    `Cannot use configuration${file ? ` "${file}"` : ""}: ${problems.join("; ")}`,
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
