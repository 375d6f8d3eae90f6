import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ensureHelm, openHelmRenderer, openRenderer, type Renderer } from "../../lib/helm/index.ts";
import { chartOnDisk, listChart } from "../../lib/images/index.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-cross-check-"));
after(() => rm(work, { recursive: true, force: true }));
const chart = await chartOnDisk(
  await writeChart(
    work,
    { name: "web", version: "1.0.0" },
    { "templates/pod.yaml": podOf("{{ .Values.image | default `web:1` }}") },
  ),
);
const renderer = openRenderer({ threads: 0 });
const helm = await openHelmRenderer(await ensureHelm());

test("a chart for which helm needs the same images is resolved", async () => {
  const { findings } = await listChart(chart, [{}], { renderer, crossCheck: helm });
  assert.deepEqual(
    findings.images.map(({ image }) => image),
    ["docker.io/library/web:1"],
  );
  assert.deepEqual(findings.unresolved, []);
});

test("whatever the other renderer needs besides, or does not need, makes the list incomplete", async () => {
  const other: Renderer = {
    version: "helm v9",
    render: (path, options) => helm.render(path, { ...options, set: ["image=web:2"] }),
  };
  const { findings } = await listChart(chart, [{}], { renderer, crossCheck: other });
  assert.deepEqual(
    findings.unresolved.map(({ reason }) => reason),
    [
      "cross-check: helm v9 does not need docker.io/library/web:1",
      "cross-check: only helm v9 needs docker.io/library/web:2",
    ],
  );
});
