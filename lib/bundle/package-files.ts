import { gzipStored, hashing, type Segment } from "../archive/index.ts";
import { isGzip, parentsOf } from "./package-paths.ts";
import type { PackageFile } from "./package-tree.ts";
import { type Place, Problems } from "./problems.ts";
import type { Release } from "./release-schema.ts";
import { fill, packagePathProblem, releaseValues } from "./templates.ts";

type Values = Readonly<Record<string, string>>;

/** Collects the files of a package by their path, and what is wrong with the paths. */
export class PackageFiles {
  readonly release: Release;
  readonly #problems = new Problems();
  readonly #files = new Map<string, PackageFile & { readonly at: Place }>();

  constructor(release: Release) {
    this.release = release;
  }

  refuse(at: Place, why: string): void {
    this.#problems.add(at, why);
  }

  /**
   * @param at what in the description asks for it
   * @param values what the template may hold besides name and version
   */
  add(
    at: Place,
    template: string,
    file: Omit<PackageFile, "path" | "mode"> & { mode?: number },
    values: Values = {},
  ): void {
    const filled = fill(template, { ...releaseValues(this.release), ...values });
    const problem = "problem" in filled ? filled.problem : this.#pathProblem(filled.text);
    if ("problem" in filled || problem !== undefined) this.refuse(at, problem!);
    else this.#files.set(filled.text, { mode: 0o644, ...file, at, path: filled.text });
  }

  /** An archive: gzip where its name says so. */
  addArchive(at: Place, path: string, content: Segment, set: PackageFile["set"], values?: Values): void {
    const hashed = hashing(isGzip(path) ? gzipStored(content) : content);
    this.add(at, path, { content: hashed, sha256: hashed.sha256, set }, values);
  }

  /** @throws RejectedError RELEASE_INVALID with all that is wrong */
  finish(): readonly PackageFile[] {
    for (const { path, at } of this.#files.values()) {
      const parent = parentsOf(path).find((each) => this.#files.has(each));
      if (parent !== undefined) this.refuse(at, `path "${path}" lies in "${parent}", which is a file`);
    }
    this.#problems.throwIfAny();
    return [...this.#files.values()].map(({ at: _, ...file }) => file);
  }

  #pathProblem(path: string): string | undefined {
    const problem = packagePathProblem(path);
    if (problem !== undefined) return `path ${JSON.stringify(path.slice(0, 300))}: ${problem}`;
    const other = this.#files.get(path)?.at;
    return other && `path "${path}" is that of ${other.join(".") || "the images of the release"} already`;
  }
}
