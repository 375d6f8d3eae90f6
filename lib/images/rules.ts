/**
 * By what an image is recognised. The name stands in every reason.
 *
 * `demands` says what the text must be, besides a valid reference:
 * - `nothing`: the position alone is proof; a text there that is no reference is reported as unresolved
 * - `a tag or digest`: the name beside it says image, and the text says which one
 * - `a host and a tag, or a digest`: nothing beside it says image, so the text must
 *
 * What has a host and neither tag nor digest in a field or flag whose name says image is only suspected; so is a `repository`
 * with a `tag` that nothing else calls an image.
 */
export const imageRules = {
  "pod-spec": {
    sees: "`image` of containers, init and ephemeral containers, at any depth of any object",
    demands: "nothing",
  },
  "image-volume": { sees: "`image.reference` of volumes", demands: "nothing" },
  package: { sees: "`spec.package` of Crossplane's providers, configurations and functions", demands: "nothing" },
  "split-reference": {
    sees: "a map with `repository`, `image` or `name` and `tag`, `version`, `digest` or `sha`, perhaps with `registry`",
    demands: "a tag or digest",
  },
  "hub-and-tag": { sees: "`hub`, `tag` and `proxy.image` of an Istio mesh's values", demands: "a tag or digest" },
  "image-field": { sees: "a field whose name says image", demands: "a tag or digest" },
  argument: {
    sees: "`--some-image=…`, `--some-image …` and whole references in arguments and commands of containers",
    demands: "a tag or digest",
  },
  environment: {
    sees: "environment variables whose name says image, and whole references in others",
    demands: "a tag or digest",
  },
  "text-line": {
    sees: "`some_image = …` and `<image>…</image>` in configuration text and scripts that are neither YAML nor JSON",
    demands: "a tag or digest",
  },
  reference: { sees: "any other text that is a reference as a whole", demands: "a host and a tag, or a digest" },
  "chart-annotation": {
    sees: "`artifacthub.io/images`, `images` and `helm.sh/images` of a Chart.yaml",
    demands: "nothing",
  },
  "images-lock": { sees: "`Images.lock` of a chart", demands: "nothing" },
  values: { sees: "image maps and image fields of values.yaml", demands: "a tag, a digest or the chart's appVersion" },
  placeholder: { sees: "`[[ registry_release ]]/X` and `[[ registry_library ]]/X` (OEM-W7)", demands: "nothing" },
  listed: { sees: "a line of an image list", demands: "nothing" },
} as const satisfies Readonly<Record<string, { readonly sees: string; readonly demands: string }>>;

export type RuleName = keyof typeof imageRules;
