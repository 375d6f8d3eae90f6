import { type TemplateFunction, templateFunction } from "../function-table.ts";

/** The last element of a path, without slashes at its end. (path.Base) */
function base(path: string): string {
  if (path === "") return ".";
  const end = lastNonSlash(path);
  return end < 0 ? "/" : path.slice(path.lastIndexOf("/", end) + 1, end + 1);
}

function lastNonSlash(path: string): number {
  let end = path.length - 1;
  while (end >= 0 && path[end] === "/") end--;
  return end;
}

/** The shortest path that means the same. (path.Clean) */
export function clean(path: string): string {
  const rooted = path.startsWith("/");
  const elements: string[] = [];
  for (const element of path.split("/")) {
    if (element === "" || element === ".") continue;
    if (element !== "..") elements.push(element);
    else if (elements.length > 0 && elements.at(-1) !== "..") elements.pop();
    else if (!rooted) elements.push("..");
  }
  const cleaned = (rooted ? "/" : "") + elements.join("/");
  return cleaned === "" ? "." : cleaned;
}

/** What is before the last element. (path.Dir) */
const directory = (path: string): string => clean(path.slice(0, path.lastIndexOf("/") + 1));

/** From the last point of the last element on. (path.Ext) */
function extension(path: string): string {
  const point = path.lastIndexOf(".");
  return point > path.lastIndexOf("/") ? path.slice(point) : "";
}

const ofPath = (compute: (path: string) => string | boolean): TemplateFunction =>
  templateFunction(["string"], (_, path) => compute(path));

/** Helm renders on Linux here: what sprig has for the system's paths is the same as for those with slashes. */
export const pathFunctions: readonly (readonly [string, TemplateFunction])[] = (
  [
    ["base", ofPath(base)],
    ["dir", ofPath(directory)],
    ["clean", ofPath(clean)],
    ["ext", ofPath(extension)],
    ["isAbs", ofPath((path) => path.startsWith("/"))],
  ] as const
).flatMap(([name, call]) => [[name, call] as const, [`os${name[0]!.toUpperCase()}${name.slice(1)}`, call] as const]);
