/** Rendered manifests of one template file: YAML text with one or more documents. */
export interface RenderedTemplate {
  /** Path inside the chart as helm names it: `web/charts/metrics/templates/deployment.yaml`. */
  readonly path: string;
  readonly text: string;
}

export interface RenderOptions {
  /** Values files, in the order helm's `--values` takes them. */
  readonly valuesFiles?: readonly string[];
  /** `key=value` pairs as helm's `--set` takes them. */
  readonly set?: readonly string[];
  /** Kubernetes version the chart is rendered for; default: the renderer's own. */
  readonly kubeVersion?: string | undefined;
  /** Include test hooks (`helm.sh/hook: test`). */
  readonly tests?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Turns a chart into the manifests helm would install. */
export interface Renderer {
  /** Name and version of what renders: findings are cached under it. */
  readonly version: string;

  /**
   * @param chart path of a chart archive or directory
   * @throws RejectedError CHART_UNRENDERABLE with helm's own words, RENDERER_UNAVAILABLE
   */
  render(chart: string, options?: RenderOptions): Promise<readonly RenderedTemplate[]>;
}
