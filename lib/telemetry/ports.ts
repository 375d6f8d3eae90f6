import { StowageError } from "../errors.ts";
import type { Renderer } from "../helm/index.ts";
import type { Registries, Target } from "../oci/index.ts";
import type { Ports } from "../ports.ts";
import type { Body, RangeBody, Store } from "../store/index.ts";
import type { Attributes, OpenSpan, Recorder, SpanOptions } from "./recorder.ts";

/** A port whose every call is a part of the span that is under way, and whose bytes are counted. */
export function observePort<K extends keyof Ports>(name: K, port: Ports[K], recorder: Recorder): Ports[K] {
  const calls = new Calls(recorder);
  const observers: { readonly [N in keyof Ports]?: (port: Ports[N]) => Ports[N] } = {
    store: (store) => observedStore(store, calls),
    stores: (open) => async (url) => observedStore(await open(url), calls),
    registries: (registries) => observedRegistries(registries, calls),
    renderer: (renderer) => observedRenderer(renderer, calls),
    publish: (publish) => (events, signal) =>
      calls.during("publish", { kind: "producer", attributes: { "stowage.events": events.length } }, () =>
        publish(events, signal),
      ),
  };
  return observers[name]?.(port) ?? port;
}

type Direction = "read" | "written";

/** Calls to the outside: parts of the span that is under way. */
class Calls {
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  bytes(port: "store" | "registry", direction: Direction, amount: number): void {
    this.#recorder.measure("stowage.bytes", amount, { port, direction });
  }

  async during<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
    const span = this.#recorder.part(name, options);
    if (span === undefined) return work();
    try {
      const done = await span.within(work);
      span.end();
      return done;
    } catch (error) {
      span.end({}, codeOf(error));
      throw error;
    }
  }

  /** A call that answers with a stream: it is over when the stream is. */
  async stream<T>(
    name: string,
    attributes: Attributes,
    open: () => Promise<T>,
    watch: (opened: T, onEnd: OnEnd) => T,
  ): Promise<T> {
    const span = this.#recorder.part(name, { kind: "client", attributes });
    try {
      return watch(await (span === undefined ? open() : span.within(open)), endOf(span));
    } catch (error) {
      span?.end({}, codeOf(error));
      throw error;
    }
  }

  /** A list that is asked for while it is read. */
  list<T>(name: string, attributes: Attributes, list: () => AsyncIterable<T>): AsyncIterable<T> {
    const calls = this;
    return {
      [Symbol.asyncIterator]() {
        const span = calls.#recorder.part(name, { kind: "client", attributes });
        const items = span === undefined ? list() : span.within(list);
        return watched(items, () => {}, endOf(span))[Symbol.asyncIterator]();
      },
    };
  }
}

type OnEnd = (error?: unknown) => void;

/** Ends a span once, however often whoever reads says that it is over. */
function endOf(span: OpenSpan | undefined): OnEnd {
  let open = span;
  return (error) => {
    open?.end({}, error === undefined ? undefined : codeOf(error));
    open = undefined;
  };
}

const codeOf = (error: unknown): string =>
  error instanceof StowageError ? error.code : error instanceof Error ? error.name : "UNEXPECTED";

/**
 * The same items, which pass through untouched. Written by hand, because a generator that is ended before it began would
 * neither end what it reads nor be noticed.
 */
function watched<T>(items: AsyncIterable<T>, onItem: (item: T) => void, onEnd: OnEnd): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const step = await iterator.next();
            if (step.done) onEnd();
            else onItem(step.value);
            return step;
          } catch (error) {
            onEnd(error);
            throw error;
          }
        },
        async return() {
          onEnd();
          return (await iterator.return?.()) ?? { done: true, value: undefined };
        },
      };
    },
  };
}

const MAX_KEY = 200;

function observedStore(store: Store, calls: Calls): Store {
  const about = (key: string): Attributes => ({ "stowage.store.key": key.slice(0, MAX_KEY) });
  const client = (key: string): SpanOptions => ({ kind: "client", attributes: about(key) });
  const count =
    (direction: Direction) =>
    (amount: number): void =>
      calls.bytes("store", direction, amount);
  return {
    url: store.url,
    stat: (key, signal) => calls.during("store stat", client(key), () => store.stat(key, signal)),
    get: (key, options) =>
      calls.stream(
        "store get",
        about(key),
        () => store.get(key, options),
        (object, onEnd) => ({ ...object, body: counted(object.body, count("read"), onEnd) }),
      ),
    list: (prefix, signal) => calls.list("store list", about(prefix), () => store.list(prefix, signal)),
    put: (key, body, options) =>
      calls.during("store put", client(key), async () => {
        if (typeof body !== "string" && !(body instanceof Uint8Array)) {
          return store.put(key, countedBody(body, count("written")), options);
        }
        const done = await store.put(key, body, options);
        if (done === "written") count("written")(Buffer.byteLength(body));
        return done;
      }),
    delete: (key, signal) => calls.during("store delete", client(key), () => store.delete(key, signal)),
  };
}

const counted = (
  bytes: AsyncIterable<Uint8Array>,
  count: (amount: number) => void,
  onEnd: OnEnd = () => {},
): AsyncIterable<Uint8Array> => watched(bytes, ({ byteLength }) => count(byteLength), onEnd);

/** All that is read of it counts, also what a store only compares and then copies by itself. */
function countedBody(body: Streamed, count: (amount: number) => void): Body {
  if (!isRange(body)) return counted(body, count);
  const { size, stored } = body;
  return { size, stored, read: (start, end, signal) => counted(body.read(start, end, signal), count) };
}

type Streamed = AsyncIterable<Uint8Array> | RangeBody;

const isRange = (body: Streamed): body is RangeBody => "read" in body && "size" in body;

function observedRegistries(registries: Registries, calls: Calls): Registries {
  return {
    repository: (host, repository) => {
      const attributes = { "server.address": host, "stowage.repository": repository.slice(0, MAX_KEY) };
      return observedTarget(registries.repository(host, repository), attributes, calls);
    },
    repositories: (host, signal) =>
      calls.list("registry repositories", { "server.address": host }, () => registries.repositories(host, signal)),
  };
}

function observedTarget(target: Target, attributes: Attributes, calls: Calls): Target {
  const during = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    calls.during(`registry ${name}`, { kind: "client", attributes }, work);
  const { shared } = target;
  return {
    name: target.name,
    ...(shared && { shared }),
    resolve: (reference, signal) => during("resolve", () => target.resolve(reference, signal)),
    open: (descriptor, options) =>
      calls.stream(
        "registry open",
        attributes,
        () => target.open(descriptor, options),
        (bytes, onEnd) => counted(bytes, (amount) => calls.bytes("registry", "read", amount), onEnd),
      ),
    tags: (signal) => calls.list("registry tags", attributes, () => target.tags(signal)),
    ...(target.referrers && {
      referrers: (subject, options) =>
        calls.list("registry referrers", attributes, () => target.referrers!(subject, options)),
    }),
    has: (descriptor, signal) => during("has", () => target.has(descriptor, signal)),
    put: (descriptor, bytes, options) =>
      during("put", () =>
        target.put(
          descriptor,
          async () => counted(await bytes(), (amount) => calls.bytes("registry", "written", amount)),
          options,
        ),
      ),
    tag: (name, descriptor, signal) => during("tag", () => target.tag(name, descriptor, signal)),
    remove: (reference, signal) => during("remove", () => target.remove(reference, signal)),
  };
}

function observedRenderer(renderer: Renderer, calls: Calls): Renderer {
  const { version, inProcess } = renderer;
  const during = <T>(work: () => Promise<T>): Promise<T> =>
    calls.during("render", { kind: "internal", attributes: {} }, work);
  return {
    version,
    ...(inProcess && { inProcess }),
    during,
    render: (chart, options) => during(() => renderer.render(chart, options)),
  };
}
