import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHelm } from "../../real/helm.ts";

/** What the real helm puts out for one template of a chart, which may be any text: it is not taken for YAML. */
export async function renderWithHelm(template: string, valuesYaml: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-functions-"));
  await using helm = await openHelm();
  try {
    await mkdir(join(directory, "templates"));
    await writeFile(join(directory, "Chart.yaml"), "apiVersion: v2\nname: oracle\nversion: 1.0.0\n");
    await writeFile(join(directory, "values.yaml"), valuesYaml);
    // as a string of JSON, since helm reads what it has rendered
    await writeFile(join(directory, "templates/all.yaml"), `all: {{ include "all" . | b64enc | quote }}\n`);
    await writeFile(join(directory, "templates/_all.tpl"), `{{ define "all" }}${template}{{ end }}`);
    const manifest = await helm.run("template", "oracle", directory);
    const encoded = /^all: "(.*)"$/m.exec(manifest)?.[1] ?? "";
    return Buffer.from(encoded, "base64").toString("utf8");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
