import { formatDifference, formatList, formatTable, type ImagesDifference, type Selected } from "../images/index.ts";

export interface ImagesOutput extends Selected {
  /** Absent when nothing is compared. */
  readonly difference?: ImagesDifference | undefined;
}

export interface ImagesForm {
  readonly stripRegistry: boolean;
  readonly sorted: boolean;
}

/** What goes to standard output. Of a comparison, lists and tables show what changed; JSON has everything. */
export const imagesFormats: Readonly<Record<string, (output: ImagesOutput, form: ImagesForm) => string>> = {
  list: ({ findings, difference }, form) =>
    difference === undefined ? formatList(findings, form) : formatDifference(difference),
  json: ({ findings, ...rest }) => `${JSON.stringify({ ...findings, ...rest }, null, 2)}\n`,
  table: ({ findings, difference }, form) =>
    difference === undefined ? formatTable(findings, form) : formatDifference(difference),
};

/** What people should hear about besides the list; first of all, why it may be incomplete. */
export function remarksOn({ findings, unused }: Selected): readonly string[] {
  return [
    ...findings.unresolved.map(({ chart, reason }) => `the list may be incomplete: ${chart}: ${reason}`),
    ...unused.map((rule) => `rule without effect: ${rule}`),
    ...findings.images.flatMap(({ image, status, presence = "present" }) =>
      presence === "present" ? [] : [`${status} image ${image}: ${presence} at its registry`],
    ),
  ];
}
