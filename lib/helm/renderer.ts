/** Rendered manifests of one template file: YAML text with one or more documents. */
export interface RenderedTemplate {
  /** Path inside the chart as helm names it: `web/charts/metrics/templates/deployment.yaml`. */
  readonly path: string;
  readonly text: string;
}

/** What `helm template` can be told, under the names of its options. */
export interface RenderOptions {
  /** Values files, in the order helm's `--values` takes them. */
  readonly valuesFiles?: readonly string[];
  /** `key=value` pairs as helm's `--set` takes them. */
  readonly set?: readonly string[];
  readonly setString?: readonly string[];
  /** `key=JSON`, or a JSON object. */
  readonly setJson?: readonly string[];
  /** `key=path` of a file whose content is the value. */
  readonly setFile?: readonly string[];
  readonly setLiteral?: readonly string[];
  /** Default: `release-name`, as in helm. */
  readonly releaseName?: string | undefined;
  /** Default: `default`. */
  readonly namespace?: string | undefined;
  /** Kubernetes version the chart is rendered for; default: the renderer's own. */
  readonly kubeVersion?: string | undefined;
  /** API versions of the cluster besides the built-in ones: `monitoring.coreos.com/v1`. */
  readonly apiVersions?: readonly string[];
  /** Include what lies in crds/. Default true, other than in helm: all objects are wanted here. */
  readonly includeCrds?: boolean;
  /** Leave hooks out. */
  readonly noHooks?: boolean;
  /** Include test hooks (`helm.sh/hook: test`). */
  readonly tests?: boolean;
  /** Do not check values against values.schema.json, of the chart or of its subcharts. */
  readonly skipSchemaValidation?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How charts are rendered within this process. */
export interface InProcess {
  /** Threads; 0 for the caller's own. */
  readonly threads: number;
  /** Seconds that one chart may take on a thread. */
  readonly timeLimit: number;
}

/** Turns a chart into the manifests helm would install. */
export interface Renderer {
  /** Name and version of what renders: findings are cached under it. */
  readonly version: string;
  /** Set where no program is started: whoever looks at what is rendered can then do so where it is made. */
  readonly inProcess?: InProcess;

  /** Set where somebody wants to know when a chart is rendered, by whoever does it {@linkcode inProcess}. */
  readonly during?: <T>(work: () => Promise<T>) => Promise<T>;

  /**
   * @param chart path of a chart archive or directory
   * @returns documents in the order in which helm prints them; a template may come several times
   * @throws RejectedError CHART_UNRENDERABLE with helm's own words, RENDERER_UNAVAILABLE
   */
  render(chart: string, options?: RenderOptions): Promise<readonly RenderedTemplate[]>;
}
