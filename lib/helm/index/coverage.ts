import { parseReference, type Registries } from "../../oci/index.ts";

/** Which repositories the index is about, as the operator decided. */
export interface CoverageSettings {
  /** Hosts whose repositories a reconcile asks for. */
  readonly registries: readonly string[];
  /** `host/repository`: looked at by a reconcile, for registries that cannot list theirs. */
  readonly repositories: readonly string[];
  /** Patterns of `host/repository`, of which one must fit; none: all. `*` is any text without a slash, `**` any text. */
  readonly include: readonly string[];
  /** The same, of which none may fit. */
  readonly exclude: readonly string[];
}

/** A repository of a registry. */
export interface RepositoryPlace {
  readonly registry: string;
  readonly repository: string;
}

export interface Coverage {
  covers(place: RepositoryPlace): boolean;
  /**
   * Every covered repository that is named or that a registry lists.
   *
   * @throws what a registry answers to the listing: that is never taken for "none" (spec CR-T14)
   */
  list(registries: Registries, signal: AbortSignal): AsyncIterable<RepositoryPlace>;
}

/** @throws RejectedError REFERENCE_INVALID */
export function openCoverage(settings: CoverageSettings): Coverage {
  const { registries: hosts, repositories } = settings;
  const include = settings.include.map(toExpression);
  const exclude = settings.exclude.map(toExpression);
  const named = repositories.map((text) => {
    const { registry, repository } = parseReference(text);
    return { registry, repository };
  });
  const covers = ({ registry, repository }: RepositoryPlace): boolean => {
    const text = `${registry}/${repository}`;
    return (include.length === 0 || include.some((one) => one.test(text))) && !exclude.some((one) => one.test(text));
  };
  return {
    covers,
    async *list(registries, signal) {
      yield* named.filter(covers);
      for (const registry of hosts) {
        for await (const repository of registries.repositories(registry, signal)) {
          if (covers({ registry, repository })) yield { registry, repository };
        }
      }
    },
  };
}

function toExpression(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*|\*)/).map((part) => {
    if (part === "**") return ".*";
    return part === "*" ? "[^/]*" : part.replaceAll(/[^\w/-]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`);
}
