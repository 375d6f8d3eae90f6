import { formDecoded, ServiceFailure } from "../objects/service.ts";

/** As the SDK reads XML: a text, or children by name; a list where a child is there more than once. */
export interface XmlElement {
  readonly [name: string]: XmlNode | undefined;
}
export type XmlNode = string | XmlElement | readonly (string | XmlElement)[];

/** What is there once comes alone, and what is not there does not come at all. */
export function elements(node: XmlNode | undefined): readonly XmlElement[] {
  const all = node === undefined ? [] : Array.isArray(node) ? (node as readonly XmlNode[]) : [node];
  return all.filter((one): one is XmlElement => typeof one === "object");
}

export function text(element: XmlElement, name: string): string {
  const value = element[name];
  if (typeof value === "string") return value;
  throw new ServiceFailure("unavailable", `the service's answer has no ${name}`);
}

/** A name in a listing that was asked for with `encoding-type=url`. */
export function decoded(element: XmlElement, root: XmlElement, name: string): string {
  const value = text(element, name);
  return root["EncodingType"] === "url" ? formDecoded(value) : value;
}

export const isTruncated = (data: XmlElement): boolean => data["IsTruncated"] === "true";
