import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent, YAMLException } from "js-yaml";
import { parseLenient } from "./flow-lines.ts";
import { formatFloat32 } from "./number.ts";
import { longestWord, resolvePlain, type Scalar } from "./scalar.ts";
import { defaultLimits, YamlError, type YamlLimits, type YamlValue } from "./value.ts";

/**
 * Reads the first document of a YAML text as Helm does: sigs.k8s.io/yaml over go-yaml v2. That is YAML 1.1 (`yes` is
 * true, `010` is 8), merge keys, of keys given twice the last; keys that are numbers or booleans become strings.
 *
 * @param rename gives a key that its map already has, with so many others, a name of its own: then the last one does not
 *   replace the others
 * @returns null for a text without content
 * @throws YamlError when it is not YAML, holds what JSON cannot, or is beyond the limits
 */
export function readYaml(
  text: string,
  limits: YamlLimits = defaultLimits,
  rename?: (key: string, size: number) => string,
): YamlValue {
  if (text.length > limits.length) throw refused(`it is longer than ${limits.length} characters`);
  const document = firstDocument(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  if (control.test(document)) throw refused("control characters are not allowed");
  try {
    const { source, events } = parseLenient(document, limits.depth + scalarLevels);
    // the first event opens the document, the second is its content
    return events.length < 2 ? null : new Composer(source, events, limits, rename).compose(1);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { mark, reason } = error;
    throw refused(mark ? `line ${mark.line + 1}: ${reason}` : reason, error);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

const refused = (reason: string, cause?: unknown): YamlError => new YamlError("read YAML", reason, { cause });

/** js-yaml counts a scalar, and a key before a colon, as levels of their own; the composer counts collections only. */
const scalarLevels = 2;

/** Where a line begins that ends a document, or begins another one. */
const boundary = /(?<![^\r\n])(?:---|\.\.\.)(?![^ \t\r\n])/g;

/** Cuts off what follows the first document: go-yaml does not look at it, valid or not. */
function firstDocument(text: string): string {
  boundary.lastIndex = 0;
  for (let match = boundary.exec(text); match; match = boundary.exec(text)) {
    const opens = match[0] === "---" && !hasContent.test(text.slice(0, match.index));
    if (!opens) return text.slice(0, match.index);
  }
  return text;
}

/** A line that is neither blank, nor a comment, nor a directive. */
const hasContent = /(?<![^\r\n])(?!%)[ \t]*[^ \t\r\n#]/;

/** Of an expanded alias go-yaml allows 99 % of all nodes for small documents, and less and less for large ones. */
function allowedAliasRatio(nodes: number): number {
  const [low, high] = [400_000, 4_000_000];
  if (nodes <= low) return 0.99;
  return nodes >= high ? 0.1 : 0.99 - 0.89 * ((nodes - low) / (high - low));
}

/** Makes values of events. An alias is composed anew each time, as go-yaml does: no two places share a map. */
class Composer {
  readonly #source: string;
  readonly #events: readonly Event[];
  readonly #limits: YamlLimits;
  /** For the event of each alias, the event at which its anchor stands. */
  readonly #targets: ReadonlyMap<number, number>;
  readonly #expanding = new Set<number>();
  readonly #hasUnicodeBreaks: boolean;
  #next = 0;
  readonly #rename: ((key: string, size: number) => string) | undefined;
  #nodes = 0;
  #aliased = 0;
  #depth = 0;

  constructor(
    source: string,
    events: readonly Event[],
    limits: YamlLimits,
    rename?: (key: string, size: number) => string,
  ) {
    this.#source = source;
    this.#events = events;
    this.#limits = limits;
    this.#rename = rename;
    this.#targets = aliasTargets(source, events);
    this.#hasUnicodeBreaks = /[\u2028\u2029]/.test(source);
  }

  compose(start: number): YamlValue {
    this.#next = start;
    return this.#node();
  }

  #node(): YamlValue {
    const at = this.#next++;
    const event = this.#events[at]!;
    this.#count();
    switch (event.type) {
      case EVENT_ID.SCALAR:
        return this.#value(event);
      case EVENT_ID.ALIAS:
        return this.#expand(at, () => this.#node());
      case EVENT_ID.SEQUENCE: {
        const items: YamlValue[] = [];
        this.#descend();
        while (!this.#ends()) items.push(this.#node());
        this.#depth--;
        return items;
      }
      case EVENT_ID.MAPPING: {
        const map = new Map<string, YamlValue>();
        this.#pairs(map);
        return map;
      }
      default:
        throw new Error(`unexpected YAML event ${event.type}`);
    }
  }

  #count(): void {
    this.#nodes++;
    if (this.#expanding.size > 0) this.#aliased++;
    if (this.#nodes > this.#limits.nodes) throw this.#refused(`it has more than ${this.#limits.nodes} nodes`);
    if (this.#aliased > 100 && this.#nodes > 1000 && this.#aliased / this.#nodes > allowedAliasRatio(this.#nodes)) {
      throw this.#refused("document contains excessive aliasing");
    }
  }

  #descend(): void {
    if (++this.#depth > this.#limits.depth) throw this.#refused(`it is nested deeper than ${this.#limits.depth}`);
  }

  /** Whether the collection ends here; steps over its end. */
  #ends(): boolean {
    const ends = this.#events[this.#next]!.type === EVENT_ID.POP;
    if (ends) this.#next++;
    return ends;
  }

  /** Does something at the anchor of an alias, and comes back. */
  #expand<T>(alias: number, work: () => T): T {
    const target = this.#targets.get(alias)!;
    if (this.#expanding.has(alias)) throw this.#refused("an anchor's value contains itself");
    if (this.#expanding.size >= this.#limits.depth) throw this.#refused("aliases of aliases are too deep");
    this.#expanding.add(alias);
    const back = this.#next;
    this.#next = target;
    const result = work();
    this.#next = back;
    this.#expanding.delete(alias);
    return result;
  }

  /** Puts the pairs of the mapping whose event was just read into a map: also into one that merges it. */
  #pairs(map: Map<string, YamlValue>): void {
    this.#descend();
    while (!this.#ends()) {
      if (this.#isMerge()) {
        this.#next++;
        this.#merge(map);
      } else {
        const key = this.#key();
        const name = this.#rename !== undefined && map.has(key) ? this.#rename(key, map.size) : key;
        map.set(name, this.#node());
      }
    }
    this.#depth--;
  }

  #isMerge(): boolean {
    const event = this.#events[this.#next]!;
    if (event.type !== EVENT_ID.SCALAR) return false;
    // most keys are neither
    if (
      event.style !== SCALAR_STYLE.PLAIN ? event.tagStart < 0 : this.#source.charCodeAt(event.valueStart) !== lessThan
    )
      return false;
    if (this.#text(event) !== "<<") return false;
    const tag = this.#tag(event);
    return tag === "merge" || (tag === "" && event.style === SCALAR_STYLE.PLAIN);
  }

  /** What a merge brings replaces what stands before it, and gives way to what follows: as go-yaml v2 has it. */
  #merge(map: Map<string, YamlValue>): void {
    const at = this.#next++;
    const event = this.#events[at]!;
    this.#count();
    if (event.type === EVENT_ID.MAPPING) this.#pairs(map);
    else if (event.type === EVENT_ID.ALIAS) this.#mergeAlias(at, map);
    else if (event.type === EVENT_ID.SEQUENCE) this.#mergeList(map);
    else throw this.#refused(wantsMap);
  }

  #mergeList(map: Map<string, YamlValue>): void {
    // the first of a list wins: each one is composed by itself, and they are put in from the last to the first
    const sources: Map<string, YamlValue>[] = [];
    while (!this.#ends()) {
      const source = new Map<string, YamlValue>();
      const item = this.#next++;
      const type = this.#events[item]!.type;
      this.#count();
      if (type === EVENT_ID.MAPPING) this.#pairs(source);
      else if (type === EVENT_ID.ALIAS) this.#mergeAlias(item, source);
      else throw this.#refused(wantsMap);
      sources.push(source);
    }
    for (const source of sources.reverse()) for (const [key, value] of source) map.set(key, value);
  }

  #mergeAlias(alias: number, map: Map<string, YamlValue>): void {
    this.#expand(alias, () => {
      if (this.#events[this.#next++]!.type !== EVENT_ID.MAPPING) throw this.#refused(wantsMap);
      this.#count();
      this.#pairs(map);
    });
  }

  #key(): string {
    const at = this.#next++;
    const event = this.#events[at]!;
    this.#count();
    if (event.type === EVENT_ID.ALIAS) return this.#expand(at, () => this.#key());
    if (event.type !== EVENT_ID.SCALAR) throw this.#refused("invalid map key: it is a map or a list");
    if (this.#isText(event)) return this.#text(event);
    const scalar = this.#scalar(event);
    if (scalar.kind === "null" || (scalar.kind === "int" && scalar.value > maxInt64)) {
      throw this.#refused(`unsupported map key ${scalar.value}`);
    }
    if (scalar.kind !== "float") return String(scalar.value);
    const text = formatFloat32(scalar.value);
    return { "+Inf": ".inf", "-Inf": "-.inf", NaN: ".nan" }[text] ?? text;
  }

  #value(event: ScalarEvent): YamlValue {
    if (this.#isText(event)) return this.#text(event);
    const scalar = this.#scalar(event);
    if (scalar.kind === "int") return Number(scalar.value);
    if (scalar.kind === "float" && !Number.isFinite(scalar.value)) throw this.#refused("json: unsupported value");
    return scalar.value;
  }

  /** Most scalars: what cannot be anything but a text, since it has quotes or begins as no other value does. */
  #isText({ style, tagStart, valueStart, valueEnd }: ScalarEvent): boolean {
    if (tagStart >= 0) return false;
    if (style !== SCALAR_STYLE.PLAIN) return true;
    if (valueEnd - valueStart <= longestWord) return false;
    const letter = this.#source.charCodeAt(valueStart) | 32;
    return letter >= 97 && letter <= 122;
  }

  #scalar(event: ScalarEvent): Scalar {
    const text = this.#text(event);
    const tag = this.#tag(event);
    if (tag === "") {
      return event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0
        ? resolvePlain(text)
        : { kind: "string", value: text };
    }
    if (tag === "binary") return { kind: "string", value: this.#binary(text) };
    if (!resolvableTags.has(tag)) return { kind: "string", value: text };
    const scalar = resolvePlain(text);
    if (scalar.kind === tag) return scalar;
    if (tag === "float" && scalar.kind === "int") return { kind: "float", value: Number(scalar.value) };
    throw this.#refused(`cannot decode !!${scalar.kind} \`${text.slice(0, 100)}\` as a !!${tag}`);
  }

  #text(event: ScalarEvent): string {
    const text = getScalarValue(this.#source, event);
    if (!this.#hasUnicodeBreaks) return text;
    const unescaped = event.style === SCALAR_STYLE.PLAIN || event.style === SCALAR_STYLE.SINGLE_QUOTED;
    return unescaped ? text.replace(unicodeBreaks, "$1") : text;
  }

  /** The tag without its prefix for those of YAML itself, in full for others; empty for none, and for `!`. */
  #tag(event: ScalarEvent): string {
    if (event.tagStart < 0) return "";
    const tag = this.#source.slice(event.tagStart, event.tagEnd);
    if (tag === "!") return "";
    return /^(?:!!|!<tag:yaml\.org,2002:)([a-z]+)>?$/.exec(tag)?.[1] ?? tag;
  }

  #binary(text: string): string {
    const base64 = text.replace(/[\r\n]/g, "");
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) {
      throw this.#refused("!!binary value contains invalid base64 data");
    }
    return Buffer.from(base64, "base64").toString("utf8");
  }

  #refused(reason: string): YamlError {
    const event = this.#events[this.#next - 1];
    const at = event === undefined ? -1 : positionOf(event);
    return refused(at < 0 ? reason : `line ${this.#source.slice(0, at).split("\n").length}: ${reason}`);
  }
}

/** Line breaks for YAML 1.1, but no longer for 1.2: the space around one is not content. */
const unicodeBreaks = /(?<![ \t])[ \t]*([\u2028\u2029])[ \t]*/g;

const lessThan = 0x3c;
const maxInt64 = 2n ** 63n - 1n;
const wantsMap = "map merge requires map or sequence of maps as the value";
const resolvableTags: ReadonlySet<string> = new Set(["bool", "int", "float", "null", "timestamp"]);

function positionOf(event: Event): number {
  if ("start" in event) return event.start;
  if ("valueStart" in event) return event.valueStart;
  return "anchorStart" in event ? event.anchorStart : -1;
}

/** @throws YamlError for an alias before its anchor */
function aliasTargets(source: string, events: readonly Event[]): ReadonlyMap<number, number> {
  const anchors = new Map<string, number>();
  const targets = new Map<number, number>();
  if (!source.includes("&") && !source.includes("*")) return targets;
  for (let at = 0; at < events.length; at++) {
    const event = events[at]!;
    if (!("anchorStart" in event) || event.anchorStart < 0) continue;
    const name = source.slice(event.anchorStart, event.anchorEnd);
    if (event.type !== EVENT_ID.ALIAS) {
      anchors.set(name, at);
      continue;
    }
    const target = anchors.get(name);
    if (target === undefined) throw refused(`unknown anchor '${name}' referenced`);
    targets.set(at, target);
  }
  return targets;
}
