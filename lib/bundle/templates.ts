import { pathProblem } from "../archive/index.ts";
import type { Reference } from "../oci/index.ts";
import type { Release } from "./release-schema.ts";

/** Bytes of the longest name of one file: NAME_MAX of Linux. */
const LONGEST_NAME = 255;

/**
 * Fill `{name}` and the like in a text of a release description.
 *
 * @returns the text, or why it cannot be filled: `{ problem }`
 */
export function fill(
  template: string,
  values: Readonly<Record<string, string>>,
): { readonly text: string } | { readonly problem: string } {
  const unknown: string[] = [];
  const text = template.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    if (Object.hasOwn(values, name)) return values[name]!;
    unknown.push(whole);
    return whole;
  });
  if (unknown.length === 0) return { text };
  const known = Object.keys(values).map((name) => `{${name}}`);
  return { problem: `${unknown.join(", ")} stands for nothing, only ${known.join(", ")} do` };
}

/** Why a path cannot be one of a package; undefined when it can: it must be possible to unpack it, and to list it. */
export function packagePathProblem(path: string): string | undefined {
  const problem = pathProblem(path);
  if (problem !== undefined) return problem;
  if (/[\p{Cc}\\]/u.test(path)) return "it has a control character or a backslash";
  if (path.split("/").some((part) => Buffer.byteLength(part) > LONGEST_NAME)) {
    return `it has a name of more than ${LONGEST_NAME} bytes`;
  }
  return undefined;
}

/** What templates of a description may hold, besides what a place adds. */
export const releaseValues = ({ name, version }: Release): Readonly<Record<string, string>> => ({ name, version });

/** For a path of one image. */
export const imageValues = (release: Release, { repository, tag, digest, registry }: Reference) => ({
  ...releaseValues(release),
  registry: registry.replace(":", "-"),
  repository: repository.replaceAll("/", "-"),
  image: repository.slice(repository.lastIndexOf("/") + 1),
  tag: tag ?? digest?.slice(7, 19) ?? "latest",
});
