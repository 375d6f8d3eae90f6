import type { IndexForm } from "./served-index.ts";

/** What a path of a chart repository names. A `project` has an index of its own. */
export type Route = { readonly at: "root" } | { readonly at: "health" } | IndexRoute;

/** What is read from an index. */
export type IndexRoute =
  | { readonly at: "index"; readonly project?: string; readonly form: IndexForm }
  /** A chart's archive, or its signature: the archive's name with `.prov` behind it. */
  | { readonly at: "file"; readonly project?: string; readonly file: string; readonly isProvenance: boolean }
  | { readonly at: "charts"; readonly project?: string; readonly name?: string; readonly version?: string };

const INDEX = /^(?:\/(?<project>[^/]+))??\/index\.(?<form>yaml|json)$/;
const FILE = /^(?:\/(?<project>[^/]+))??\/charts\/(?<file>[^/]+\.tgz)(?<prov>\.prov)?$/;
const CHARTS = /^\/api(?:\/(?<project>[^/]+))??\/charts(?:\/(?<name>[^/]+)(?:\/(?<version>[^/]+))?)?$/;

/**
 * The routes of oci-chartrepo (spec CR-10, CR-11, CR-W11) and of ChartMuseum, those that only read
 * (https://chartmuseum.com/docs/#api).
 *
 * @param path as it was sent: percent-encoded
 * @returns undefined when it names nothing
 */
export function parseRoute(path: string): Route | undefined {
  const parts = path.split("/").map(decoded);
  // a slash that was encoded is part of no name
  if (parts.some((part) => part === undefined || part.includes("/"))) return undefined;
  const text = parts.join("/");
  if (text === "/") return { at: "root" };
  if (text === "/health") return { at: "health" };
  const index = INDEX.exec(text)?.groups;
  if (index) return { at: "index", ...projectOf(index), form: index["form"] as IndexForm };
  const found = FILE.exec(text)?.groups;
  if (found) {
    return { at: "file", ...projectOf(found), file: found["file"]!, isProvenance: found["prov"] !== undefined };
  }
  const charts = CHARTS.exec(text)?.groups;
  if (charts === undefined) return undefined;
  const { name, version } = charts;
  return {
    at: "charts",
    ...projectOf(charts),
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
  };
}

const projectOf = ({ project }: Readonly<Record<string, string | undefined>>) =>
  project === undefined ? {} : { project };

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // malformed percent-encoding names nothing
  }
}
