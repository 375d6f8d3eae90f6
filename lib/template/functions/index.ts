import type { FunctionTable } from "../function-table.ts";
import { cryptoFunctions } from "./crypto.ts";
import { helmDataFunctions, sprigDataFunctions } from "./data.ts";
import { dateFunctions } from "./dates.ts";
import { dictFunctions } from "./dicts.ts";
import { encodingFunctions } from "./encoding.ts";
import { requirementFunctions } from "./helm.ts";
import { listFunctions } from "./lists.ts";
import { logicFunctions } from "./logic.ts";
import { mathFunctions } from "./math.ts";
import { networkFunctions } from "./network.ts";
import { pathFunctions } from "./paths.ts";
import { randomFunctions } from "./random.ts";
import { reflectionFunctions } from "./reflection.ts";
import { regexFunctions } from "./regex.ts";
import { semverFunctions } from "./semver.ts";
import { stringFunctions } from "./strings.ts";
import { tomlFunctions } from "./toml.ts";
import { urlFunctions } from "./urls.ts";

const sprig: FunctionTable = new Map([
  ...logicFunctions,
  ...stringFunctions,
  ...listFunctions,
  ...dictFunctions,
  ...mathFunctions,
  ...dateFunctions,
  ...cryptoFunctions,
  ...randomFunctions,
  ...encodingFunctions,
  ...pathFunctions,
  ...urlFunctions,
  ...networkFunctions,
  ...regexFunctions,
  ...semverFunctions,
  ...reflectionFunctions,
  ...sprigDataFunctions,
]);

const helm: FunctionTable = new Map([...helmDataFunctions, ...tomlFunctions, ...requirementFunctions]);

/**
 * The functions of sprig 3.3 that Helm 4.1.4 has: all but `env` and `expandenv`, and those that Helm puts its own in the
 * place of. None reads the clock, the environment, files or the network; what is random follows the render's seed.
 */
export const sprigFunctions = (): FunctionTable => sprig;

/** Helm's own functions but for `include` and `tpl`, which need the templates of the render. `lookup` finds nothing. */
export const helmFunctions = (): FunctionTable => helm;

export { LinearRegex } from "./regex.ts";
export { satisfies } from "./semver.ts";
export { parseVersion } from "./semver-version.ts";
export { parseUrl } from "./urls.ts";
