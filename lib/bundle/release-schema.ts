import * as z from "zod";
import { selectionSchema } from "../images/index.ts";
import { sizeOf } from "./size.ts";

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits, dots and dashes, 63 at most");
const version = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$/, "must be a version");
const platform = z.string().regex(/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/, "must be os/architecture[/variant]");
/** Checked as a whole when the tree of the package is known. */
const path = z.string().min(1).max(4096);

/** How images lie in a package. */
export const imageForms = ["archive", "registry-tree", "per-image"] as const;
export type ImageForm = (typeof imageForms)[number];

const formField = z.enum(imageForms).default("archive").meta({
  description:
    "How images lie in the package: one archive that every loader reads, the storage tree of a registry, or one archive for each image",
});
const platformsField = z
  .array(platform)
  .min(1)
  .max(16)
  .optional()
  .meta({ description: "Platforms to take of each image, as `linux/amd64`. Default: all" });
const rewriteField = z.boolean().default(false).meta({
  description:
    "With platforms: give each index a form without the others, for registries that refuse one with gaps. Its digest changes",
});
const listsField = z
  .array(
    z.strictObject({
      list: path.meta({ description: "Path of an image list: beside the description, or a key of the store" }),
      form: z.enum(["reference", "project"]).default("reference").meta({ description: "docs/image-lists.md" }),
      registry: z.string().min(1).max(300).optional().meta({ description: "Host the images of form `project` lie at" }),
    }),
  )
  .max(100)
  .default([])
  .meta({ description: "Image lists" });

const imageSet = z.strictObject({
  path: path.meta({
    description:
      "Where it lies in the package. A tree whose path ends in `.tar`, `.tar.gz` or `.tgz` is a tar; `.gz` and `.tgz` are gzip",
  }),
  form: formField,
  platforms: platformsField,
  rewriteIndex: rewriteField,
  images: z
    .array(
      z.strictObject({
        image: z.string().min(1).max(512).meta({ description: "Reference, by tag or digest" }),
        as: z
          .string()
          .min(1)
          .max(512)
          .optional()
          .meta({ description: "Its name in the package. Default: the reference" }),
        path: path.optional().meta({ description: "Of its archive, in the form `per-image`" }),
      }),
    )
    .max(10_000)
    .default([])
    .meta({ description: "Images" }),
  lists: listsField,
});

const file = z.strictObject({
  path: path.meta({ description: "Where it lies in the package" }),
  from: path.meta({ description: "Path beside the description, or a key of the store" }),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, "must be three octal digits, as a text")
    .default("644")
    .meta({ description: "Permissions" }),
});

const packaging = z.strictObject({
  name: z
    .string()
    .max(300)
    .default("{name}-{version}.tar.gz")
    .meta({ description: "File name. `.tar.gz` and `.tgz` are gzip, `.tar` is not" }),
  directory: z
    .string()
    .max(4096)
    .optional()
    .meta({ description: "What everything lies in; empty for nothing. Default: the file name without its ending" }),
  images: path.optional().meta({
    description:
      "Where the images of `charts`, `images` and `lists` lie. Default: `images.tar`, `registry`, or `images/{repository}-{tag}.tar`",
  }),
  charts: path.default("charts/{file}").meta({ description: "Where charts lie" }),
  exact: z.boolean().default(false).meta({
    description: "Nothing but what is named here: no bundle.json, images.list, install.sh and SHA256SUMS",
  }),
});

/** What belongs to one release. Strict: a field nobody reads is a mistake somebody should hear about. */
export const releaseSchema = z
  .strictObject({
    name: name.meta({ description: "Name of the release" }),
    version: version.meta({ description: "Version of the release" }),
    charts: z
      .array(z.string().regex(/^oci:\/\/\S+:[^/:]+$/, "must be oci://host/repository:version"))
      .max(1000)
      .default([])
      .meta({ description: "Charts; the images they need belong to the release" }),
    images: z
      .array(z.string().min(1).max(512))
      .max(10_000)
      .default([])
      .meta({ description: "Further images, by tag or digest" }),
    profiles: z
      .record(z.string().min(1).max(250), z.array(z.record(z.string(), z.unknown())).min(1).max(20))
      .optional()
      .meta({
        description:
          "Values by chart name, each laid over the chart's own (`{}` adds nothing): the images of all of them belong to the release",
      }),
    kubeVersion: z.string().max(50).optional().meta({ description: "Kubernetes version the charts are rendered for" }),
    rules: selectionSchema
      .optional()
      .meta({ description: "What people know better about the images: docs/image-lists.md" }),
    lists: listsField,
    form: formField,
    platforms: platformsField,
    rewriteIndex: rewriteField,
    files: z.array(file).max(10_000).default([]).meta({ description: "Further files" }),
    sets: z.array(imageSet).max(1000).default([]).meta({ description: "Further images at places of their own" }),
    package: packaging.prefault({}),
    to: z
      .string()
      .max(1024)
      .optional()
      .meta({ description: "URL of the store that takes it. Default: below `releases/` of the own store" }),
    split: z
      .string()
      .refine((text) => sizeOf(text) !== undefined, "must be a size of 1 MiB or more, such as `700MB` or `4GiB`")
      .optional()
      .meta({ description: "Cut the bundle into volumes of this size, such as `4GiB`" }),
  })
  .superRefine((release, context) => {
    const { charts, images, lists, files, sets } = release;
    const say = (at: readonly (string | number)[], message: string): void => {
      context.addIssue({ code: "custom", path: [...at], message });
    };
    if (charts.length + images.length + lists.length + files.length + sets.length === 0) {
      say([], "names neither charts, images nor files");
    }
    for (const [list, at] of [
      [charts, "charts"],
      [images, "images"],
    ] as const) {
      for (const [position, text] of list.entries()) {
        const first = list.indexOf(text);
        if (first < position) say([at, position], `"${text}" is ${at}.${first} already`);
      }
    }
    for (const [position, set] of sets.entries()) {
      if (set.images.length + set.lists.length === 0) say(["sets", position], "names neither images nor lists");
      for (const [image, { path }] of set.images.entries()) {
        if (path !== undefined && set.form !== "per-image") {
          say(["sets", position, "images", image, "path"], "is for the form per-image");
        }
      }
    }
    for (const [at, each] of [
      [["lists"], lists] as const,
      ...sets.map((set, i) => [["sets", i, "lists"], set.lists] as const),
    ]) {
      for (const [position, { form, registry }] of each.entries()) {
        if (form === "project" && registry === undefined) say([...at, position], "the form project needs a registry");
        if (form === "reference" && registry !== undefined)
          say([...at, position], "the form reference has no registry");
      }
    }
  });

export type Release = Readonly<z.output<typeof releaseSchema>>;
