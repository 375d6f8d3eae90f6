import { RejectedError } from "../errors.ts";
import type { Resource } from "./kube.ts";

/** Where the API has something, and what is done there. */
export interface Place {
  /** Such as `get jobs "release/a"`, to stand behind "Cannot". */
  readonly action: string;
  /** Relative to the server: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
  readonly path: string;
}

/**
 * @param name without one: all of the namespace
 * @throws RejectedError KUBE_REFUSED for a name or namespace that no object can have
 */
export function placeOf(
  verb: string,
  { apiVersion, plural, namespaced = true }: Resource,
  namespace: string,
  name?: string,
  subresource?: string,
): Place {
  const segments = [...(namespaced ? [namespace] : []), ...(name === undefined ? [] : [name])];
  const what = [plural, subresource].filter((part) => part !== undefined).join("/");
  const action = `${verb} ${what} ${JSON.stringify(segments.join("/"))}`;
  const wrong = segments.find((segment) => !isSegment(segment));
  if (wrong !== undefined) {
    throw new RejectedError("KUBE_REFUSED", `Cannot ${action}: ${JSON.stringify(wrong)} is no name of an object`);
  }
  const path = [
    ...[apiVersion.includes("/") ? "apis" : "api", ...apiVersion.split("/")],
    ...(namespaced ? ["namespaces", namespace] : []),
    ...[plural, name, subresource].filter((part) => part !== undefined),
  ];
  return { action, path: path.map(encodeURIComponent).join("/") };
}

/** What every name must fit, whatever its kind: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names */
const isSegment = (text: string): boolean =>
  text !== "" && text !== "." && text !== ".." && text.length <= 253 && text.isWellFormed() && !/[/%]/.test(text);
