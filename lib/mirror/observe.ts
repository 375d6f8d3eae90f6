import type { Bytes, Source, Target } from "../oci/index.ts";

/** The end of a copy at which something went wrong. */
export type Side = "source" | "target";

/** Watches the ends of copies, which otherwise only throw: who failed decides whether an image was not pulled or not pushed. */
export interface Observer {
  /** @param onResolve called when a reference was found */
  source(place: Source, onResolve: () => void): Source;
  /** @param onChange called when something was written */
  target(place: Target, onChange: () => void): Target;
  /** Where an error arose first. What no end raised is a judgement on what was read: the source's. */
  sideOf(error: unknown): Side;
}

export function createObserver(): Observer {
  const arose = new WeakMap<object, Side>();

  /** An error of the source also passes through the target that was reading from it, perhaps as a cause. */
  const known = (error: unknown, depth = 0): Side | undefined =>
    error instanceof Error && depth < 10 ? (arose.get(error) ?? known(error.cause, depth + 1)) : undefined;

  const noteAs =
    (side: Side) =>
    (error: unknown): never => {
      if (error instanceof Error && known(error) === undefined) arose.set(error, side);
      throw error;
    };

  function watch(place: Source, side: Side): Source {
    const note = noteAs(side);
    async function* through<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
      try {
        yield* items;
      } catch (error) {
        note(error);
      }
    }
    return {
      name: place.name,
      ...(place.shared && { shared: place.shared }),
      resolve: (reference, signal) => place.resolve(reference, signal).catch(note),
      open: async (descriptor, options): Promise<Bytes> => through(await place.open(descriptor, options).catch(note)),
      tags: (signal) => through(place.tags(signal)),
      ...(place.referrers && { referrers: (subject, options) => through(place.referrers!(subject, options)) }),
    };
  }

  return {
    source: (place, onResolve) => ({
      ...watch(place, "source"),
      async resolve(reference, signal) {
        const found = await place.resolve(reference, signal).catch(noteAs("source"));
        onResolve();
        return found;
      },
    }),
    target(place, onChange) {
      const note = noteAs("target");
      return {
        ...watch(place, "target"),
        has: (descriptor, signal) => place.has(descriptor, signal).catch(note),
        async put(descriptor, bytes, options) {
          const outcome = await place.put(descriptor, bytes, options).catch(note);
          if (outcome !== "present") onChange();
          return outcome;
        },
        async tag(name, descriptor, signal) {
          await place.tag(name, descriptor, signal).catch(note);
          onChange();
        },
        remove: (reference, signal) => place.remove(reference, signal).catch(note),
      };
    },
    sideOf: (error) => known(error) ?? "source",
  };
}
