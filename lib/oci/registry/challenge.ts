/** One way in that a server offers with a 401. */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, string>;
}

// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 and #section-11.2
const SEPARATOR = /[\s,]*/y;
const SCHEME = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?=[\s,]|$)/y;
const PARAMETER = /\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z:/]+))/sy;
const TOKEN68 = /\s+[A-Za-z0-9\-._~+/]+=*(?=\s*(?:,|$))/y;

/**
 * Read a `WWW-Authenticate` header: any number of challenges, each with any number of parameters, both separated by
 * commas (RFC 9110 section 11.6.1). What follows a syntax error is ignored. An unquoted value may hold `:` and `/`,
 * which some registries forget to quote.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(header);
    if (found) at = pattern.lastIndex;
    return found;
  };

  const challenges: Challenge[] = [];
  for (;;) {
    take(SEPARATOR);
    const scheme = take(SCHEME)?.[0];
    if (scheme === undefined) return challenges;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    if (take(TOKEN68)) continue;
    for (let parameter = take(PARAMETER); parameter; parameter = takeNext()) {
      const [, name = "", quoted, bare = ""] = parameter;
      parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/gs, "$1") ?? bare);
    }
  }

  // after a comma stands either one more parameter or the next challenge, which has no `=` behind its first word
  function takeNext(): RegExpExecArray | null {
    const before = at;
    take(SEPARATOR);
    const parameter = take(PARAMETER);
    if (!parameter) at = before;
    return parameter;
  }
}
