import type { ManifestSource } from "./find.ts";

/** Where a template belongs. @param path as helm names it: `web/charts/a/charts/b/templates/x.yaml` belongs to `a/b` */
export const sourceOfTemplate = (path: string, chart: string, version: string): ManifestSource => ({
  chart,
  version,
  subchart: [...path.matchAll(/(?:^|\/)charts\/([^/]+)(?=\/)/g)].map(([, name]) => name).join("/"),
  template: path.replace(/^[^/]+\//, ""),
});
