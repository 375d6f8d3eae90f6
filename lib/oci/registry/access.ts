/**
 * What a request must be allowed to do, in the words of token services: scopes `type:name:action,action`
 * (https://distribution.github.io/distribution/spec/auth/scope/).
 */
export interface Access {
  /** The repository whose credentials apply; none for the registry as a whole. */
  readonly repository?: string;
  /** The one that matters most first: some services look only at that one. */
  readonly scopes: readonly string[];
  /** An API beside the registry's, which takes name and password and no token, and does not ask for them. */
  readonly basic?: boolean;
}

export const pull = (repository: string): Access => ({ repository, scopes: [`repository:${repository}:pull`] });

export const push = (repository: string): Access => ({ repository, scopes: [`repository:${repository}:pull,push`] });

/** Docker Hub refuses a mount whose token does not cover the origin (rust-oci-client#235). */
export const mount = (repository: string, from: string): Access => ({
  repository,
  scopes: [...push(repository).scopes, ...pull(from).scopes],
});

export const remove = (repository: string): Access => ({ repository, scopes: [`repository:${repository}:delete`] });

export const catalog: Access = { scopes: ["registry:catalog:*"] };

/** All actions of both lists, one scope for each resource, in the order in which the resources first appear. */
export function mergeScopes(first: readonly string[], second: readonly string[]): readonly string[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of [...first, ...second]) {
    // a name may hold a colon (a host with a port), the actions never do
    const colon = scope.lastIndexOf(":");
    const resource = scope.slice(0, Math.max(colon, 0));
    const known = actions.get(resource) ?? new Set();
    for (const action of scope.slice(colon + 1).split(",")) known.add(action);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, allowed]) => `${resource}:${[...allowed].join(",")}`);
}
