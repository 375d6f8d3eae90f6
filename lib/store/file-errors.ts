import { StowageError, TransientError } from "../errors.ts";

/** The system's name for an error: `ENOENT`. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** Wait for the system; what it refuses becomes a TransientError STORE_UNAVAILABLE that says what could not be done. */
export async function attempt<T>(doing: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw unavailable(doing, error);
  }
}

export function unavailable(doing: string, error: unknown): StowageError {
  if (error instanceof StowageError) return error;
  return new TransientError("STORE_UNAVAILABLE", `Cannot ${doing}: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case "ENOSPC":
      return "the disk is full";
    case "EDQUOT":
      return "the disk quota is used up";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
