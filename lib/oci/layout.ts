import { mkdir, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import { streamOf } from "./bytes.ts";
import type { Bytes, Target } from "./content.ts";
import { type Descriptor, type Digest, hexOf, isDigest, isManifest, parseDigest } from "./descriptor.ts";
import { flushDirectory, kindOf, linkUnlessThere, onDisk, openRegular, publish, readRange } from "./disk.ts";
import {
  checkLayoutFile,
  EMPTY_INDEX,
  isLayoutName,
  LAYOUT_FILE,
  type LayoutFiles,
  layoutSource,
  namesOf,
  parseLayoutIndex,
  REF_NAME,
} from "./layout-source.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";
import { listReferrer } from "./referrers-list.ts";
import { Turns } from "./turns.ts";
import { arriving } from "./verify.ts";

/** Puts of one blob and rewrites of one index.json wait for each other, however often a directory is opened. */
const turns = new Turns();

/**
 * An OCI image layout on disk: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * References are read as {@linkcode layoutSource} says. A blob is written to a private file beside index.json (named
 * `.stowage-…`; a crash leaves it behind), verified, flushed and renamed. Nothing is read through a symbolic link. Two
 * processes may put blobs at once, but must not tag at once.
 *
 * @param options.create make the directory a layout when it is none
 * @throws RejectedError LAYOUT_INVALID, TransientError DISK_UNAVAILABLE: also from the methods
 */
export async function openLayout(directory: string, options: { readonly create?: boolean } = {}): Promise<Target> {
  const name = `oci:${directory}`;
  const blobs = join(directory, "blobs", "sha256");
  if (options.create) await createLayout(directory, blobs);
  else if ((await kindOf(directory)) === "absent") throw invalid(name, "there is no such directory");
  for (const path of [join(directory, "blobs"), blobs]) {
    if ((await kindOf(path)) !== "directory") throw invalid(name, `${path} is not a directory`);
  }
  checkLayoutFile(await readSmall(join(directory, "oci-layout"), name), name);
  parseLayoutIndex(await readSmall(join(directory, "index.json"), name), name);
  const root = await onDisk(`open "${directory}"`, realpath(directory));
  return layoutTarget(root, name);
}

function layoutTarget(root: string, name: string): Target {
  const indexFile = join(root, "index.json");
  const blobs = join(root, "blobs", "sha256");
  const pathOf = (digest: Digest): string => join(blobs, hexOf(parseDigest(digest)));

  const files: LayoutFiles = {
    name,
    readIndex: () => readSmall(indexFile, name),

    async sizeOf(digest) {
      const kind = await kindOf(pathOf(digest));
      if (kind === "absent") return undefined;
      if (typeof kind === "number") return kind;
      throw invalid(name, `its blob ${digest} is not a regular file`);
    },

    async *read(digest, start, end, signal) {
      const opened = await openRegular(pathOf(digest));
      if (typeof opened === "string") throw invalid(name, `its blob ${digest} is ${opened}`);
      try {
        yield* readRange(opened.file, start, end, signal);
      } finally {
        await opened.file.close();
      }
    },
  };
  const source = layoutSource(files);

  /** A blob of another size is damage that the right bytes may replace. */
  async function has({ digest, size }: Descriptor, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    return (await files.sizeOf(digest)) === size;
  }

  /** Rewrite the list of named manifests, unless `change` returns it as it was. */
  async function rewriteIndex(change: (entries: readonly Descriptor[]) => readonly Descriptor[]): Promise<void> {
    const { raw, entries } = parseLayoutIndex(await files.readIndex(), name);
    const changed = change(entries);
    if (changed === entries) return;
    // entries keep the fields that the parsed form does not show
    const manifests = changed.map((entry) => raw.manifests[entries.indexOf(entry)] ?? entry);
    const bytes = Buffer.from(JSON.stringify({ ...raw, manifests }));
    if (bytes.byteLength > MAX_MANIFEST_BYTES) throw invalid(name, "its index.json would grow beyond 4 MiB");
    // what a name leads to must be on disk before the name is
    await flushDirectory(blobs);
    await publish(root, indexFile, async () => streamOf(bytes), rename);
    await flushDirectory(root);
  }

  /** The bytes of a manifest, which is listed among the referrers of its subject, if it has one. */
  async function listed(descriptor: Descriptor, arrived: Bytes, signal?: AbortSignal): Promise<Bytes> {
    if (descriptor.size > MAX_MANIFEST_BYTES) {
      throw new RejectedError("MANIFEST_INVALID", `Cannot take manifest ${descriptor.digest}: it is larger than 4 MiB`);
    }
    const bytes = Buffer.concat(await Array.fromAsync(arrived));
    await listReferrer(target, descriptor, bytes, turns, signal);
    return streamOf(bytes);
  }

  const target: Target = {
    ...source,
    shared: { place: `oci:${root}`, repository: "" },
    has,

    async put(descriptor, bytes, options = {}) {
      const { signal } = options;
      const path = pathOf(descriptor.digest);
      const take = async () => {
        if (await has(descriptor, signal)) return "present";
        const arrived = arriving(bytes, descriptor, options);
        const content = isManifest(descriptor.mediaType)
          ? () => listed(descriptor, arrived, signal)
          : async () => arrived;
        await publish(root, path, content, rename, signal);
        return "written";
      };
      return turns.take(path, take, signal);
    },

    async tag(tag, { mediaType, digest, size }, signal) {
      if (!isLayoutName(tag)) {
        throw new RejectedError(
          "REFERENCE_INVALID",
          `Cannot tag ${digest} in ${name}: "${tag.slice(0, 100)}" is no tag`,
        );
      }
      const entry = { mediaType, digest, size, annotations: { [REF_NAME]: tag } };
      const add = async () => {
        if (!(await has(entry))) {
          throw new RejectedError("CONTENT_UNKNOWN", `Cannot tag ${digest} in ${name}: it is not there`);
        }
        await rewriteIndex((entries) => {
          const named = entries.filter((other) => namesOf(other).includes(tag));
          if (named.length === 1 && named[0]!.digest === digest && named[0]!.mediaType === mediaType) return entries;
          return [...entries.filter((other) => !named.includes(other)), entry];
        });
      };
      return turns.take(indexFile, add, signal);
    },

    async remove(reference, signal) {
      const forget = async () => {
        const manifest = isDigest(reference) && (await isManifestHere(reference)) ? reference : undefined;
        await rewriteIndex((entries) => {
          const kept = entries.filter((entry) => entry.digest !== reference && !namesOf(entry).includes(reference));
          return kept.length === entries.length ? entries : kept;
        });
        if (manifest) await onDisk(`remove ${manifest} from ${name}`, rm(pathOf(manifest), { force: true }));
      };
      return turns.take(indexFile, forget, signal);
    },
  };
  return target;

  async function isManifestHere(digest: Digest): Promise<boolean> {
    return source.resolve(digest).then(
      () => true,
      (error: unknown) => {
        if (error instanceof RejectedError && error.code === "CONTENT_UNKNOWN") return false;
        throw error;
      },
    );
  }
}

/** oci-layout comes last: where it is, everything else is. Whatever is there already stays. */
async function createLayout(directory: string, blobs: string): Promise<void> {
  await onDisk(`make "${blobs}"`, mkdir(blobs, { recursive: true }));
  for (const [file, text] of [
    ["index.json", EMPTY_INDEX],
    ["oci-layout", LAYOUT_FILE],
  ] as const) {
    const path = join(directory, file);
    if ((await kindOf(path)) === "absent") {
      await publish(directory, path, async () => streamOf(Buffer.from(text)), linkUnlessThere);
    }
  }
}

async function readSmall(path: string, layout: string): Promise<Uint8Array> {
  const opened = await openRegular(path);
  if (typeof opened === "string") throw invalid(layout, `${path} is ${opened}`);
  try {
    if (opened.size > MAX_MANIFEST_BYTES) throw invalid(layout, `${path} is larger than 4 MiB`);
    return Buffer.concat(await Array.fromAsync(readRange(opened.file, 0, opened.size)));
  } finally {
    await opened.file.close();
  }
}

const invalid = (layout: string, why: string): RejectedError =>
  new RejectedError("LAYOUT_INVALID", `Cannot use ${layout}: ${why}`);
