import { RE2JS, RE2JSException } from "re2js";
import { type CallContext, FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { TypedSlice } from "../value.ts";

/** Where a match and its groups lie in the text; undefined for groups that took no part. */
interface Match {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
}

/** A regular expression in Go's syntax, which takes time linear in the text: charts bring the expressions. */
export class LinearRegex {
  readonly #compiled: RE2JS;
  readonly #names: ReadonlyMap<string, number>;

  /** @throws FunctionError for an invalid expression, in Go's words */
  constructor(pattern: string) {
    try {
      this.#compiled = RE2JS.compile(pattern);
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      throw new FunctionError(`error parsing regexp: ${error.message.replace(/^error parsing regexp: /, "")}`);
    }
    this.#names = new Map(Object.entries(this.#compiled.namedGroups()));
  }

  /** The work of compiling an expression: what has a count is repeated. */
  static cost(pattern: string): number {
    let most = 1;
    for (const [, least, highest] of pattern.matchAll(/\{(\d{1,4})(?:,(\d{0,4}))?\}/g)) {
      most = Math.max(most, Number(highest || least));
    }
    return pattern.length * most;
  }

  /** Matches one after another, as Go's FindAll finds them: an empty one right behind a match is none. */
  *matches(text: string): Generator<Match> {
    const matcher = this.#compiled.matcher(text);
    let last = -1;
    while (matcher.find()) {
      const [start, end] = [matcher.start(), matcher.end()];
      if (start === end && start === last) continue;
      last = end;
      const groups: (string | undefined)[] = [];
      for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? undefined);
      yield { start, end, groups };
    }
  }

  first(text: string): Match | undefined {
    for (const match of this.matches(text)) return match;
    return undefined;
  }

  test(text: string): boolean {
    return this.#compiled.test(text);
  }

  /** What a template of Go's Expand stands for: `$1`, `${1}`, `$name`, `${name}`; `$$` is a dollar. */
  expand(template: string, match: Match): string {
    return template.replace(reference, (all, dollar, braced: string | undefined, bare: string | undefined) => {
      if (dollar === "$") return "$";
      const name = braced ?? bare;
      if (name === undefined) return all;
      const index = /^(?:0|[1-9][0-9]*)$/.test(name) ? Number(name) : this.#names.get(name);
      return (index === undefined ? undefined : match.groups[index]) ?? "";
    });
  }
}

const reference = /\$(?:(\$)|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;

/** Charts use few expressions, and each many times. */
const cacheSize = 200;
const cache = new Map<string, LinearRegex>();

/** A compiled expression, from a small cache. Compiling costs work that grows with the expression. */
function compiled(context: CallContext, pattern: string): LinearRegex {
  const known = cache.get(pattern);
  if (known) return known;
  context.spend(LinearRegex.cost(pattern));
  const regex = new LinearRegex(pattern);
  if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!);
  cache.set(pattern, regex);
  return regex;
}

/** The work of a search grows with the text and the expression. */
const spendSearch = (context: CallContext, pattern: string, text: string): void =>
  context.spend(Math.ceil((text.length * Math.max(16, pattern.length)) / 256));

function findAll(context: CallContext, pattern: string, text: string, limit: bigint): string[] {
  spendSearch(context, pattern, text);
  const found: string[] = [];
  for (const match of compiled(context, pattern).matches(text)) {
    if (limit >= 0n && found.length >= Number(limit)) break;
    context.spend(1);
    found.push(match.groups[0]!);
  }
  return found;
}

type Replacement = (match: Match, regex: LinearRegex) => string;

function replaceAll(context: CallContext, pattern: string, text: string, replacement: Replacement): string {
  spendSearch(context, pattern, text);
  const regex = compiled(context, pattern);
  let result = "";
  let from = 0;
  for (const match of regex.matches(text)) {
    const piece = replacement(match, regex);
    context.spend(1 + Math.ceil(piece.length / 16));
    result += text.slice(from, match.start) + piece;
    from = match.end;
  }
  return result + text.slice(from);
}

/** Regexp.Split of Go for a limit other than 0: at most so many parts, all for less than zero. */
function split(context: CallContext, pattern: string, text: string, limit: bigint): string[] {
  const regex = compiled(context, pattern);
  if (pattern !== "" && text === "") return [""];
  spendSearch(context, pattern, text);
  const parts: string[] = [];
  let [from, end] = [0, 0];
  for (const match of regex.matches(text)) {
    if (limit > 0n && parts.length === Number(limit) - 1) break;
    end = match.start;
    context.spend(1);
    if (match.end !== 0) parts.push(text.slice(from, end));
    from = match.end;
  }
  if (end !== text.length) parts.push(text.slice(from));
  return parts;
}

/** Go's nil slice: JSON and YAML write null for it. */
const nilStrings = (): TypedSlice => Object.assign(new TypedSlice("[]string", []), { json: null });

/** sprig panics where the `must` form returns the error: its words then say which expression it was. */
function both(
  name: string,
  call: (strict: boolean) => TemplateFunction,
): readonly (readonly [string, TemplateFunction])[] {
  return [
    [name, call(false)],
    [`must${name[0]!.toUpperCase()}${name.slice(1)}`, call(true)],
  ];
}

function worded<T>(strict: boolean, pattern: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (strict || !(error instanceof FunctionError)) throw error;
    const quoted = pattern.includes("`") ? JSON.stringify(pattern) : `\`${pattern}\``;
    throw new FunctionError(`regexp: Compile(${quoted}): ${error.message}`);
  }
}

const match = (strict: boolean): TemplateFunction =>
  templateFunction(["string", "string"], (context, pattern, text) => {
    spendSearch(context, pattern, text);
    try {
      return compiled(context, pattern).test(text);
    } catch (error) {
      if (strict || !(error instanceof FunctionError)) throw error;
      return false;
    }
  });

export const regexFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ...both("regexMatch", match),
  ...both("regexFind", (strict) =>
    templateFunction(["string", "string"], (context, pattern, text) =>
      worded(strict, pattern, () => findAll(context, pattern, text, 1n)[0] ?? ""),
    ),
  ),
  ...both("regexFindAll", (strict) =>
    templateFunction(["string", "string", "int"], (context, pattern, text, limit) =>
      worded(strict, pattern, () => {
        const found = findAll(context, pattern, text, limit);
        return found.length > 0 ? new TypedSlice("[]string", found) : nilStrings();
      }),
    ),
  ),
  ...both("regexReplaceAll", (strict) =>
    templateFunction(["string", "string", "string"], (context, pattern, text, replacement) =>
      worded(strict, pattern, () =>
        replaceAll(context, pattern, text, (found, regex) => regex.expand(replacement, found)),
      ),
    ),
  ),
  ...both("regexReplaceAllLiteral", (strict) =>
    templateFunction(["string", "string", "string"], (context, pattern, text, replacement) =>
      worded(strict, pattern, () => replaceAll(context, pattern, text, () => replacement)),
    ),
  ),
  ...both("regexSplit", (strict) =>
    templateFunction(["string", "string", "int"], (context, pattern, text, limit) =>
      worded(strict, pattern, () =>
        limit === 0n ? nilStrings() : new TypedSlice("[]string", split(context, pattern, text, limit)),
      ),
    ),
  ),
  ["regexQuoteMeta", templateFunction(["string"], (_, text) => text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&"))],
];
