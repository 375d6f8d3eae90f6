/**
 * Whether to send gzip rather than the bytes as they are: when the client takes it at least as gladly
 * (https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3). A client that says nothing gets no gzip, though it would have to
 * take it: those are the ones that save what they get as it comes. One that takes neither gets the bytes as they are.
 */
export function prefersGzip(acceptEncoding: string | undefined): boolean {
  const weights = weightsOf(acceptEncoding);
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0;
  // unnamed it is always acceptable, but any coding that is named is wanted more
  const identity = weights.get("identity") ?? 0;
  return gzip > 0 && gzip >= identity;
}

const YAML_TYPES = ["application/x-yaml", "application/yaml", "text/yaml", "text/x-yaml"];

/** Whether a client that may have either wants JSON: it names it, and wants no YAML more. */
export function prefersJson(accept: string | undefined): boolean {
  const weights = weightsOf(accept);
  const json = weights.get("application/json") ?? 0;
  return json > 0 && YAML_TYPES.every((type) => (weights.get(type) ?? 0) < json);
}

/** What a field of the `Accept` family names, in lower case, and how much it is wanted (0 to 1). */
function weightsOf(field: string | undefined): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const item of (field ?? "").split(",")) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.map((parameter) => /^q\s*=\s*([01](?:\.\d{0,3})?)$/.exec(parameter)?.[1]).find(Boolean);
    if (name !== "") weights.set(name, Math.min(Number(weight ?? 1), 1));
  }
  return weights;
}
