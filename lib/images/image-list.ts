import { RejectedError } from "../errors.ts";
import { formatReference, parseReference } from "../oci/index.ts";
import type { ImagesDifference } from "./difference.ts";
import type { Findings } from "./finding.ts";

export interface ListFormat {
  /** `release/app:v1` instead of `registry.example.com/release/app:v1` (OEM-11). */
  readonly stripRegistry?: boolean;
  /** False keeps the order of the findings (OEM-W7). */
  readonly sorted?: boolean;
}

/** The required images, one normalised reference a line, sorted, each once, with a final newline. */
export function formatList(findings: Findings, { stripRegistry = false, sorted = true }: ListFormat = {}): string {
  const required = requiredImages(findings);
  const lines = [...new Set(stripRegistry ? required.map(withoutRegistry) : required)];
  return (sorted ? lines.sort() : lines).map((line) => `${line}\n`).join("");
}

/** The images that a list names: without those that are only optional, possible or suspected. */
export const requiredImages = ({ images }: Findings): readonly string[] =>
  images.filter(({ status }) => status === "required").map(({ image }) => image);

/** For people: what changed, one line each, with a sign before it as in a diff. Empty when nothing has. */
export function formatDifference({ added, removed, changed, moved }: ImagesDifference): string {
  const list = (versions: readonly string[]): string => versions.join(", ") || "nothing";
  const lines = [
    ...added.map((image) => `+ ${image}`),
    ...removed.map((image) => `- ${image}`),
    ...changed.map(({ repository, from, to }) => `~ ${repository}: ${list(from)} -> ${list(to)}`),
    ...moved.map(({ image, from, to }) => `! ${image}: ${from} -> ${to}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** For people: an image a line, with the first place that needs it. */
export function formatTable(findings: Findings, { stripRegistry = false }: ListFormat = {}): string {
  const rows = findings.images.map(({ image, status, reasons, presence }) => {
    const [first] = reasons;
    const where = first ? [first.chart, first.object, first.path].filter((part) => part !== "").join(" ") : "";
    const more = reasons.length > 1 ? ` (+${reasons.length - 1})` : "";
    const asked = presence === undefined ? status : `${status}, ${presence}`;
    return [stripRegistry ? withoutRegistry(image) : image, asked, `${where}${more}`] as const;
  });
  const table = [["IMAGE", "STATUS", "NEEDED BY"] as const, ...rows];
  const width = (column: 0 | 1): number => Math.max(...table.map((row) => row[column].length));
  return table
    .map(([a, b, c]) => `${a.padEnd(width(0))}  ${b.padEnd(width(1))}  ${c}`.trimEnd())
    .join("\n")
    .concat("\n");
}

/** `release/app:v1` of `registry.example.com/release/app:v1` */
export const withoutRegistry = (image: string): string => image.slice(image.indexOf("/") + 1);

/**
 * Images that a person listed: normalised, each once.
 *
 * @throws RejectedError RELEASE_INVALID naming every line that is no reference with a tag or digest
 */
export function readImages(lines: readonly string[]): readonly string[] {
  const problems: string[] = [];
  const images = lines.flatMap((line) => {
    try {
      const reference = parseReference(line);
      if (reference.tag !== undefined || reference.digest !== undefined) return [formatReference(reference)];
      problems.push(`"${line}" has neither tag nor digest`);
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      problems.push(error.message);
    }
    return [];
  });
  if (problems.length > 0) throw new RejectedError("RELEASE_INVALID", `Cannot use images: ${problems.join("; ")}`);
  return [...new Set(images)].sort();
}
