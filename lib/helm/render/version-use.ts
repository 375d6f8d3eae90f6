import { Struct, type Value } from "../../template/index.ts";

/**
 * Whether a chart that was refused may render for another Kubernetes version. What failed fails for every version when neither
 * it looked at the version, nor a template before it changed something after it had looked.
 */
export class VersionUse {
  /** Templates that looked at the version; "" stands for the chart itself. */
  readonly #readers = new Set<string>();
  #current = "";
  #hasSpread = false;

  /** Of what was begun last. */
  get matters(): boolean {
    return this.#hasSpread || this.#readers.has(this.#current);
  }

  /** Of anything so far. */
  get wasRead(): boolean {
    return this.#readers.size > 0;
  }

  /** The template is executed, or what it put out is read. */
  begin(template: string): void {
    this.#current = template;
  }

  /** The version is looked at, or may have been. */
  read(): void {
    this.#readers.add(this.#current);
  }

  /** Something is changed that other templates may see. */
  changing(): void {
    this.#hasSpread ||= this.#readers.has(this.#current);
  }

  /** `.Capabilities` that tells when the version in it is looked at. */
  watched({ type, fields, json }: Struct): Struct {
    const telling = (entries: ReadonlyMap<string, Value>) => new WatchedFields(entries, () => this.read());
    return new Struct(type, { fields: telling(fields), json: telling(json as Map<string, Value>) });
  }
}

/** Tells when the version is looked at, by its name or among all fields. */
class WatchedFields extends Map<string, Value> {
  readonly #read: () => void;

  constructor(fields: ReadonlyMap<string, Value>, read: () => void) {
    super();
    for (const [name, value] of fields) super.set(name, value);
    this.#read = read;
  }

  override get(name: string): Value {
    if (name === "KubeVersion") this.#read();
    return super.get(name);
  }
  override entries(): MapIterator<[string, Value]> {
    this.#read();
    return super.entries();
  }
  override values(): MapIterator<Value> {
    this.#read();
    return super.values();
  }
  override [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }
  override forEach(visit: (value: Value, key: string, map: Map<string, Value>) => void): void {
    this.#read();
    super.forEach(visit);
  }
}
