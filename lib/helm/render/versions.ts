import { parseVersion, satisfies } from "../../template/functions/index.ts";
import { FunctionError } from "../../template/index.ts";

/** Whether a text is a semantic version as helm takes it: `1.2` and `v1.2.3` are. */
export const isVersion = (text: string): boolean => succeeds(() => parseVersion(text));

/** Whether a version lies in a range: false also where one of them is none (helm v4.1.4 IsCompatibleRange). */
export const inRange = (range: string, version: string): boolean => succeeds(() => satisfies(range, version));

/** @returns what `run` gives, true for an object; false where it fails as a function of templates fails */
function succeeds(run: () => unknown): boolean {
  try {
    return Boolean(run());
  } catch (error) {
    if (error instanceof FunctionError) return false;
    throw error;
  }
}
