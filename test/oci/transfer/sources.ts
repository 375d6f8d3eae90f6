import type { Source, Target } from "../../../lib/oci/content.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { type ImageFixture, imageFixture, layerPiece, putAll } from "../../contracts/image-fixture.ts";
import { type FakeRegistry, startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "../registry/opened-registry.ts";

export const shared = layerPiece("shared", 300_000);
export const images = Array.from({ length: 6 }, (_, number) =>
  imageFixture(`${number}`, { layers: [shared, layerPiece(`${number}`, 20_000)] }),
);
export const tagOf = (image: ImageFixture): string => `v${images.indexOf(image)}`;

/** Methods of classes do not come along when an object is spread. */
export const methodsOf = (place: Target): Target => ({
  name: place.name,
  ...(place.shared && { shared: place.shared }),
  resolve: (...asked) => place.resolve(...asked),
  open: (...asked) => place.open(...asked),
  tags: (...asked) => place.tags(...asked),
  referrers: (...asked) => place.referrers!(...asked),
  has: (...asked) => place.has(...asked),
  put: (...asked) => place.put(...asked),
  tag: (...asked) => place.tag(...asked),
  remove: (...asked) => place.remove(...asked),
});

/** A source of all images that notes what is asked of it. */
export async function openSource() {
  const memory = openMemory("source:");
  for (const image of images) {
    await putAll(memory, image.pieces);
    await memory.tag(tagOf(image), image.manifest.descriptor);
  }
  const asked: string[] = [];
  const source: Source = {
    ...methodsOf(memory),
    async resolve(reference, signal) {
      asked.push(`resolve ${reference}`);
      return memory.resolve(reference, signal);
    },
    async open(descriptor, options) {
      asked.push(`open ${descriptor.digest}`);
      return memory.open(descriptor, options);
    },
  };
  return {
    source,
    asked,
    opened: ({ digest }: Descriptor) => asked.filter((line) => line === `open ${digest}`).length,
  };
}

export const unique = [...new Set(images.flatMap(({ pieces }) => pieces).map(({ descriptor }) => descriptor))];

export async function withFake(run: (fake: FakeRegistry, repository: (name: string) => Target) => Promise<void>) {
  await using fake = await startFakeRegistry();
  await using opened = await openForTest();
  await run(fake, (name) => opened.registries.repository(fake.host, name));
}
