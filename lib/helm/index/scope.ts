import { isRepository } from "../../oci/index.ts";
import type { Place } from "./record.ts";

/** An index: of everything, or of one project. Each is a log of generations of its own (docs/decisions/0015). */
export interface Scope {
  /** Prefix of its keys, with a slash at the end. */
  readonly root: string;
  /** Whether it holds the charts of a place. */
  holds(place: Pick<Place, "repository">): boolean;
}

/** Which indexes are kept: one of everything, one per project, or both. */
export type Split = "whole" | "projects" | "both";

export const wholeScope: Scope = { root: "index/whole/", holds: () => true };

/** First path segment of a repository's name: what registries call project, namespace or organisation. */
export const projectOf = ({ repository }: Pick<Place, "repository">): string => repository.split("/", 1)[0]!;

/** @returns undefined when no project can have that name */
export function projectScope(project: string): Scope | undefined {
  if (!isRepository(project) || project.includes("/")) return undefined;
  return { root: `index/projects/${project}/`, holds: (place) => projectOf(place) === project };
}

/** The indexes that places belong to, the one of everything first. */
export function scopesOf(split: Split, places: Iterable<Pick<Place, "repository">>): readonly Scope[] {
  const projects = split === "whole" ? [] : [...new Set([...places].map(projectOf))].sort();
  return [
    ...(split === "projects" ? [] : [wholeScope]),
    ...projects.map(projectScope).filter((scope) => scope !== undefined),
  ];
}
