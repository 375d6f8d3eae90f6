import { imageRules, listDefects } from "../lib/images/index.ts";

/** docs/image-lists.md, the part that is made: what the lists say, how strict they are, and their forms. */
export function imageListsPage(generated: string): string {
  const rules = Object.entries(imageRules).map(([rule, { sees, demands }]) => `| \`${rule}\` | ${sees} | ${demands} |`);
  const defects = Object.entries(listDefects).map(
    ([defect, { severity, meaning }]) => `| \`${defect}\` | ${severity} | ${meaning} |`,
  );
  return `# Image lists

${generated}
Which images does a release need? \`stowage images\` and the function list-images answer from parsed objects, never from text,
say for every image why it is there, and call no list complete that may lack one.

| input | |
|---|---|
| \`stowage images CHART…\` | archives, directories, \`oci://host/repository:version\` |
| \`stowage images --release RELEASE.yaml\` | a release description: its charts in all profiles, its images and lists, by its rules |
| \`stowage images --manifests PATH…\` | plain manifests; directories with all \`.yaml\`, \`.yml\`, \`.json\` and \`.tmpl\` below them |
| \`stowage images --lists PATH…\` | files or directories: lists with one reference a line, such as this command prints; of directories, files that end in \`.list\` |
| \`stowage images --placeholders DIR [LIST…]\` | OEM addon files with \`[[ registry_release ]]/X\`; the lists are those kept by hand |
| \`stowage images --cluster-image DIR\` | a cluster image's build directory: \`charts/\`, \`manifests/\`, \`images/shim\`, without what \`.sealignore\` names |
| \`index.updated\` | list-images lists every chart that came into the index: \`images.listed\` or \`images.incomplete\` |
| \`images.requested\` | list-images lists a release |

Charts are rendered with their own values, with \`--values\` and \`--set\` on top. Each \`--profile FILE[,FILE]\` (in a release
description: each entry of \`profiles\`) is a render of its own on top of these, and the images of all are united. Test hooks are
left out without \`--tests\`. Of a library chart nothing is installed: it has no images, and is no failure.

Values are checked against the \`values.schema.json\` of the chart and its subcharts, as helm does; a schema that lies elsewhere
is never fetched. A chart that does not render by itself is tried with older Kubernetes versions, newest first, with its
\`ci/*-values.yaml\` (paths in the chart), and without its schemas: what was needed stands in the \`switches\` of its images.
\`--skip-schema-validation\` leaves the schemas out from the beginning.

\`--optional\` explores what the values switch off, in charts, releases and cluster images; for \`images.requested\` it is
\`"optional": true\` beside the release. What it finds is told beside the list, never in it. To take such an image in, name it
under \`include\` with the reason, or name its switches as one of the \`profiles\`.

## How sure

| status | |
|---|---|
| \`required\` | the objects that get installed name it; only these are in the list and the lock |
| \`optional\` | a render with named switches names it |
| \`possible\` | a branch that was not taken names it |
| \`suspected\` | only values or annotations name it, or a text that may be something else |

Images that are possible or suspected are asked for, with a HEAD, at registries that the configuration names. What came of it
is their \`presence\`: \`present\`, \`missing\`, \`denied\`, or \`unknown\` when the registry could not be asked.

## By what an image is recognised

| rule | sees | the text must have, besides being a reference |
|---|---|---|
${rules.join("\n")}

## Strictness

What cannot be known is *unresolved*: a chart that does not render, a text in an image's place that is no reference. Then the
list fails: exit status 1, or \`images.incomplete\` instead of \`images.listed\`, and in the store a complete list from before
stays as it is. People can know better. Rules say what, and why; they stand in a release description under \`rules\`, or in the
file of \`--rules\`:

\`\`\`yaml
include:
  - image: quay.io/example/cli:1.4
    reason: run by hand during upgrades
exclude:
  - image: docker.io/library/busybox   # all tags; * stands for any characters
    reason: only in a job that we switch off
unresolved:
  - name: legacy-chart                 # a chart, with or without version, or the text itself
    reason: installs CRDs only, checked by hand
\`\`\`

What was excluded or allowed is told with its reason. A rule without effect is reported: perhaps it is misspelled, perhaps out
of date.

| exit status | |
|---|---|
| 0 | the list is complete; with \`--lock\`, every image has a digest |
| 1 | something is unresolved, or has no digest; the reasons are on standard error, and the list is printed as far as it is known |
| 2 | the command line is wrong |

## Formats

\`--format list\` prints the required images, normalised, sorted, each once, with a final newline; \`--strip-registry\` without
their hosts:

\`\`\`
docker.io/library/nginx:1.27                library/nginx:1.27
quay.io/example/app:v0.3.17                 example/app:v0.3.17
\`\`\`

\`--format table\` prints all images with their status and the first place that needs them. \`--format json\` says everything:

\`\`\`json
{"images": [{"image": "docker.io/prom/exporter:9", "status": "optional",
             "reasons": [{"chart": "web", "version": "1.2.3", "subchart": "metrics", "template": "templates/deployment.yaml",
                          "object": "Deployment/web", "path": "spec.template.spec.containers[0].image", "rule": "pod-spec",
                          "raw": "prom/exporter:9", "switches": ["metrics.enabled=true"], "condition": null}]}],
 "unresolved": [{"chart": "legacy-1.0.0", "reason": "Cannot render chart: …"}],
 "excluded": [], "allowed": [], "unused": []}
\`\`\`

\`--lock FILE\` writes what every required image is now, and nothing when the list is incomplete or an image is not there; then
all of these are named:

\`\`\`json
{"version": 1, "images": [{"image": "docker.io/library/nginx:1.27", "digest": "sha256:…", "platforms": ["linux/amd64", "linux/arm64"]}]}
\`\`\`

\`--diff FILE\` compares with a list or lock from before, and prints the difference instead of the list (with \`--format json\`,
beside it as \`difference\`). Tags that lead to another digest are seen against a lock:

\`\`\`
+ quay.io/example/new:1
- quay.io/example/gone:1
~ docker.io/library/nginx: 1.26 -> 1.27
! quay.io/example/app:v0.3.17: sha256:… -> sha256:…
\`\`\`

## In the store

| key | |
|---|---|
| \`images/<chart digest>/<inputs digest>.json\` | what was found in a chart; no chart is rendered twice with the same values by the same renderer |
| \`releases/<name>/<version>/images.json\` | what was found for a release, what its rules did, and which required images are \`missing\` |
| \`releases/<name>/<version>/images.list\` | the list, when it was complete; \`mirror.requested\` takes it with \`form: reference\` |
| \`releases/<name>/<version>/images.lock.json\` | digest and platforms of each image of that list |
| \`releases/<name>/<version>/images.difference.json\` | what changed: against the list before of this version, else against that of the highest version below it |

On the command line, charts are kept in the store of \`--data DIR\` when it is given; directories of charts never are.

## List files

An image list is a text file with one image a line. Empty lines and lines that begin with \`#\` are skipped. Several lists of
one run are read as one; an image that is in them more than once is copied once. Of a directory, files whose names end in
\`.list\` count.

Lines have one of two forms. A list does not say which; whoever names the list does:

| form | a line | command line | \`mirror.requested\` |
|---|---|---|---|
| project | \`release/app-admin:v0.3.17\`: a project of \`lists.projects\`, no host | the default | \`form: project\`, the default |
| reference | \`docker.io/library/nginx:1.27\`, as \`stowage images\` prints it, by tag or digest | \`--references\` | \`form: reference\` |

Errors refuse all lists of the run before anything is copied. What a warning tells of was repaired. Each is reported as
\`{ file, line, text, defect, severity, proposal? }\`:

| defect | severity | the line or file |
|---|---|---|
${defects.join("\n")}

## What a mirror run leaves

\`report.json\` has one result for each image: \`copied\`, \`present\` (nothing had to be written), \`missing\` (not at the source),
\`denied\` or \`failed\`, with \`side\`: the registry it failed at. \`miss_image.txt\` names what the source failed at, as it was to
be pulled; \`miss_push_image.txt\` what the target failed at, as it was to be pushed. A complete run has neither file. A run that
was refused or has not ended has \`miss_image.txt\` with a comment.

An image whose tag is right at the target costs one HEAD at each side. That does not show signatures that came later, nor
platforms that an earlier run with \`--platform\` left out: \`--recheck\` looks again.
`;
}
