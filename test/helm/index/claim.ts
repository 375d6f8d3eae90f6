import type { Claim } from "../../../lib/helm/index/record.ts";

/** What a tag says of the chart it holds. */
export const claimOf = (metadata: Partial<Claim["metadata"]> & Pick<Claim["metadata"], "name" | "version">): Claim => ({
  registry: "registry.example.com",
  repository: `charts/${metadata.name.toLowerCase()}`,
  tag: "1.0.0",
  manifest: `sha256:${"a".repeat(64)}`,
  chart: {
    mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    digest: `sha256:${"b".repeat(64)}`,
    size: 1,
  },
  created: "2030-01-05T07:59:00.000Z",
  by: "event-0",
  metadata: { apiVersion: "v2", ...metadata },
});
