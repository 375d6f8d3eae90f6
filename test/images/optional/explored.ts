import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { ensureHelm, openHelmRenderer, openRenderer, readChartOnDisk } from "../../../lib/helm/index.ts";
import { type ExploreOptions, type Findings, imagesOfChart } from "../../../lib/images/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";

export const work = await mkdtemp(join(tmpdir(), "stowage-optional-"));
after(() => rm(work, { recursive: true, force: true }));

export const renderer = openRenderer({ threads: 1 });
const helm = await openHelmRenderer(await ensureHelm());
let charts = 0;

/** The findings of a chart with these files. What is optional is proven by helm. */
export async function find(files: Readonly<Record<string, string>>, options: ExploreOptions = {}): Promise<Findings> {
  const name = `web${charts++}`;
  const chartYaml = `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n${files["Chart.yaml"] ?? ""}`;
  const path = await writeChart(work, { name, version: "1.0.0" }, { ...files, "Chart.yaml": chartYaml });
  const findings = await imagesOfChart(await readChartOnDisk(path), renderer, { optional: true, ...options });
  await assertProven(path, findings);
  return findings;
}

/** Helm shows each optional image with the switches named for it, and none without them. */
async function assertProven(path: string, { images }: Findings): Promise<void> {
  const chart = await readChartOnDisk(path);
  for (const { image, status, reasons } of images) {
    if (status !== "optional") continue;
    for (const { switches } of reasons) {
      const seen = await imagesOfChart(chart, helm, optionsOf(switches, path));
      assert.ok(
        seen.images.some((each) => each.image === image),
        `helm shows ${image} with ${switches}`,
      );
    }
  }
}

/** Values files are named by their path in the chart. */
function optionsOf(switches: readonly string[], chart: string): ExploreOptions {
  const after = (flag: string): string[] =>
    switches.flatMap((text) => (text.startsWith(`${flag} `) ? [text.slice(flag.length + 1)] : []));
  return {
    set: switches.filter((text) => !text.startsWith("--")),
    setString: after("--set-string"),
    setJson: after("--set-json"),
    apiVersions: after("--api-versions"),
    valuesFiles: after("--values").map((path) => join(chart, path)),
    skipSchemaValidation: switches.includes("--skip-schema-validation"),
  };
}

/** `status image switches`, as short as it can be read. */
export const told = ({ images }: Findings): string[] =>
  images.map(({ image, status, reasons }) =>
    [status, image.replace(/^docker\.io\/library\//, ""), ...reasons[0]!.switches].join(" "),
  );

export const container = (image: string): string => `    - { name: x, image: "${image}" }`;
