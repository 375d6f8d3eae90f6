export { requireSecret } from "./authenticate.ts";
export { type Normalised, readDistribution } from "./distribution.ts";
