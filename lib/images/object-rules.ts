import { type Look, type Mention, mention, proven } from "./mention.ts";
import { saysImage } from "./names.ts";
import { type Fields, isFields, nameAt, type Place, siblingsOf } from "./place.ts";
import { isMisprint, readSpelling, speaksForItself } from "./spelling.ts";
import { partNames, splitReference, textOf, withCompanions } from "./split.ts";

const CONTAINER_LISTS: readonly unknown[] = ["containers", "initContainers", "ephemeralContainers"];

export const podSpec: Look = (place) => {
  if (place.key !== "image" || !CONTAINER_LISTS.includes(place.parent?.parent?.key)) return undefined;
  // a container without image is legal where a pod template is completed by somebody else
  if (place.value === null || place.value === "") return [];
  return [provenAt(place, "pod-spec")];
};

export const imageVolume: Look = (place) => {
  const volume = place.parent?.parent;
  if (place.key !== "reference" || place.parent?.key !== "image" || volume?.parent?.key !== "volumes") return undefined;
  return place.value === "" ? [] : [provenAt(place, "image-volume")];
};

/** https://docs.crossplane.io/latest/packages/providers/ */
export const packageOfCrossplane: Look = (place) => {
  const object = place.parent?.parent;
  if (place.key !== "package" || place.parent?.key !== "spec" || !isFields(object?.value)) return undefined;
  const group = String(object.value.get("apiVersion")).split("/", 1)[0];
  return group === "pkg.crossplane.io" && place.value !== "" ? [provenAt(place, "package")] : undefined;
};

function provenAt(place: Place, rule: "pod-spec" | "image-volume" | "package"): Mention {
  const { value: raw } = place;
  // the injector of Istio replaces it: https://istio.io/latest/docs/setup/additional-setup/gateway/
  const isInjected = raw === "auto";
  return proven(place, rule, raw, typeof raw === "string" && !isInjected ? readSpelling(raw.trim()) : undefined);
}

/** @param defaultTag what charts take for an empty tag: their appVersion. Objects have none. */
export const splitWith =
  (defaultTag?: string): Look =>
  (place) => {
    if (typeof place.key !== "string" || !partNames.has(place.key) || !isFields(place.parent?.value)) return undefined;
    const parts = splitReference(place.parent.value, nameAt(place.parent), defaultTag);
    if (parts === undefined || !parts.keys.has(place.key)) return undefined;
    const { nameKey, text, spelling, sure, defaulted } = parts;
    if (place.key !== nameKey || !(spelling.exact || spelling.hosted)) return [];
    const found = mention(place, "split-reference", text, spelling);
    return [sure ? { ...found, defaulted } : { ...found, defaulted, status: "suspected" }];
  };

/** https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/: names without a slash are joined with hub and tag. */
export const hubAndTag: Look = (place) => {
  const mesh = place.parent?.parent?.value;
  const { value: name, parent } = place;
  if (place.key !== "image" || (parent?.key !== "proxy" && parent?.key !== "proxy_init")) return undefined;
  if (typeof name !== "string" || name.includes("/") || !isFields(mesh)) return undefined;
  const [hub, tag] = [textOf(mesh, "hub"), textOf(mesh, "tag")];
  const raw = `${hub}/${name}:${tag}`;
  const spelling = hub === undefined || tag === undefined ? undefined : readSpelling(raw);
  return spelling && [mention(place, "hub-and-tag", raw, spelling)];
};

export const imageField: Look = (place) => {
  const { value } = place;
  if (typeof value !== "string" || !isNamedImage(place)) return undefined;
  if (isMisprint(value)) return [proven(place, "image-field", value, undefined)];
  const fields = siblingsOf(place);
  const joined = withCompanions(value, nameAt(place), (name) => textOf(fields, name));
  const raw = joined?.text ?? value;
  const spelling = joined?.spelling ?? readSpelling(value);
  if (spelling === undefined) return undefined;
  if (spelling.exact) return [mention(place, "image-field", raw, spelling)];
  if (place.key !== "image") return undefined;
  if (isContainer(fields)) return [proven(place, "image-field", raw, spelling)];
  return spelling.hosted ? [mention(place, "image-field", raw, spelling)] : undefined;
};

/** `image: …`, an entry of `images: […]` or of `images: {proxy: …}`. */
const isNamedImage = (place: Place): boolean =>
  saysImage(nameAt(place)) ||
  (place.parent !== undefined && /images$/i.test(nameAt(place.parent)) && saysImage(nameAt(place.parent)));

/** A map with `image` and other fields that only containers have: Argo's `container` and `script`, operators' sidecars. */
const isContainer = (fields: Fields): boolean =>
  ["command", "args", "volumeMounts", "env"].some((key) => Array.isArray(fields.get(key)));

export const reference: Look = (place) => {
  // most texts of an object are single words
  if (typeof place.value !== "string" || !/[/@]/.test(place.value)) return undefined;
  const spelling = readSpelling(place.value);
  return spelling && speaksForItself(spelling) ? [mention(place, "reference", place.value, spelling)] : undefined;
};
