import { RejectedError } from "../errors.ts";
import { formatReference, parseReference } from "../oci/index.ts";
import type { Findings } from "./finding.ts";

/** The required images, one normalised reference a line, sorted, each once, with a final newline. */
export function formatList(findings: Findings, { stripRegistry = false } = {}): string {
  const required = findings.images.filter(({ status }) => status === "required").map(({ image }) => image);
  const lines = stripRegistry ? required.map(withoutRegistry) : required;
  return [...new Set(lines)]
    .sort()
    .map((line) => `${line}\n`)
    .join("");
}

/** For people: an image a line, with the first place that needs it. */
export function formatTable(findings: Findings, stripRegistry: boolean): string {
  const rows = findings.images.map(({ image, status, reasons }) => {
    const [first] = reasons;
    const where = first ? `${first.chart} ${first.object} ${first.path}` : "";
    const more = reasons.length > 1 ? ` (+${reasons.length - 1})` : "";
    return [stripRegistry ? withoutRegistry(image) : image, status, `${where}${more}`] as const;
  });
  const table = [["IMAGE", "STATUS", "NEEDED BY"] as const, ...rows];
  const width = (column: 0 | 1): number => Math.max(...table.map((row) => row[column].length));
  return table
    .map(([a, b, c]) => `${a.padEnd(width(0))}  ${b.padEnd(width(1))}  ${c}`.trimEnd())
    .join("\n")
    .concat("\n");
}

/** `release/app-admin:v0.3.17` for `registry.example.com/release/app-admin:v0.3.17` (spec OEM-11). */
const withoutRegistry = (image: string): string => image.slice(image.indexOf("/") + 1);

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
