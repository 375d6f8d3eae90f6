import { formatReference } from "../oci/index.ts";
import { type Findings, reasonOutside, uniteFindings } from "./finding.ts";
import { describeDefect, type ImageList, type ListInput, readLists } from "./list-file.ts";

/** Lists of the form `reference`. */
const RULES = { form: "reference", projects: ["*"] } as const;

/**
 * The images that lists name, in the form in which lists are printed. A line that is no reference is unresolved: the others
 * are listed.
 *
 * @throws RejectedError LIST_INVALID when a list cannot be read
 */
export async function findListed(lists: readonly ListInput[], signal?: AbortSignal): Promise<Findings> {
  const found: Findings[] = [];
  for (const list of lists) found.push(findingsIn(list.file, await readLists([list], RULES, signal)));
  return uniteFindings(found);
}

const findingsIn = (file: string, { images, defects }: ImageList): Findings => ({
  images: images.map((listed) => {
    const image = formatReference({ registry: "docker.io", ...listed });
    const reason = reasonOutside({ chart: "", template: file, path: "", rule: "listed", raw: image });
    return { image, status: "required", reasons: [reason] };
  }),
  unresolved: defects
    .filter(({ severity }) => severity === "error")
    .map((defect) => ({ chart: file, reason: describeDefect(defect), raw: defect.text })),
});
