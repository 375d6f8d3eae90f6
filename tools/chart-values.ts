import * as z from "zod";
import { configSchema } from "../lib/config/index.ts";

// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
const maybeName = z.union([z.literal(""), objectName]);
const label = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
/** How names begin: the chart cuts them to 38 characters. */
const maybeLabel = z.union([z.literal(""), label]);
const secretKey = z
  .string()
  .max(253)
  .regex(/^[\w.-]+$/);
const texts = z.record(z.string(), z.string());
const maybeUrl = z.string().regex(/^(https?:\/\/\S+)?$/);
/** ISO 8601, as Knative's DeliverySpec has it. */
const duration = z.string().regex(/^P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/);
/** What Kubernetes checks better: the chart hands it on. */
const kubernetes = z.record(z.string(), z.unknown());
const quantities = z.record(z.string(), z.union([z.string().regex(/^\d+(\.\d+)?([a-zA-Z]+)?$/), z.number().min(0)]));
const resources = z.strictObject({ requests: quantities.optional(), limits: quantities.optional() });

const serviceSettings = {
  timeoutSeconds: z.int().min(30),
  // https://github.com/knative/serving/blob/knative-v1.20.0/config/core/configmaps/defaults.yaml container-concurrency-max-limit
  containerConcurrency: z.int().min(0).max(1000),
  minScale: z.int().min(0),
  maxScale: z.int().min(0),
  public: z.boolean(),
  resources,
};
const jobSettings = {
  backoffLimit: z.int().min(0),
  activeDeadlineSeconds: z.int().min(1),
  ttlSecondsAfterFinished: z.int().min(0),
  resources,
};

const optional = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.strictObject(shape).partial().shape;
const account = { enabled: z.boolean().optional(), serviceAccountAnnotations: texts.optional() };
const delivery = z
  .strictObject({
    retry: z.int().min(0),
    backoffPolicy: z.enum(["linear", "exponential"]),
    backoffDelay: duration,
    timeout: duration,
    retryAfterMax: duration,
    format: z.enum(["json", "binary"]),
  })
  .partial();
const woken = { delivery: delivery.optional(), schedules: texts.optional() };
const service = z.strictObject({ ...account, ...optional(serviceSettings), runs: z.literal("service") });
const wokenService = z.strictObject({ ...service.shape, ...woken });
/** With the settings of both: those of the values it replaces stay where one says only `runs`. */
const serviceOrJob = z.strictObject({
  ...wokenService.shape,
  ...optional(jobSettings),
  runs: z.enum(["service", "job"]),
});
/** What others need, or what is there only where it is needed. */
const always = service.omit({ enabled: true });

const secret = z.strictObject({ secretName: maybeName, functions: z.array(label) });
const variable = z.string().regex(/^[A-Za-z_]\w*$/);
const keyOf = z.strictObject({ name: objectName, key: secretKey, optional: z.boolean().optional() });

/** What values.yaml may hold: strict, so that a misspelled key is heard of. Helm checks it after the defaults are in. */
const valuesSchema = z.strictObject({
  // of a parent chart
  global: kubernetes.optional(),
  mode: z.enum(["knative", "single"]),
  nameOverride: maybeLabel,
  fullnameOverride: maybeLabel,
  commonLabels: texts,
  podAnnotations: texts,
  image: z.strictObject({
    repository: z.string().regex(/^[a-zA-Z0-9.:_/-]+$/),
    tag: z.string().regex(/^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$/),
    digest: z.string().regex(/^(sha256:[a-f0-9]{64})?$/),
    pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]),
    pullSecrets: z.array(objectName),
  }),
  // the chart knows where events go and where templates of Jobs are
  config: configSchema.omit({ sink: true, jobs: true }),
  registryCredentials: z.strictObject({ secretNames: z.array(objectName), functions: z.array(label) }),
  secrets: z.record(label, secret),
  caCertificates: z.strictObject({ configMap: maybeName, key: secretKey }),
  env: z.array(
    z.union([
      z.strictObject({ name: variable, value: z.string() }),
      z.strictObject({
        name: variable,
        valueFrom: z.union([z.strictObject({ secretKeyRef: keyOf }), z.strictObject({ configMapKeyRef: keyOf })]),
      }),
    ]),
  ),
  broker: z.strictObject({
    create: z.boolean(),
    name: maybeName,
    class: z.string().regex(/^[A-Za-z][\w.-]*$/),
    annotations: texts,
    config: z.strictObject({ name: maybeName, namespace: label }),
    url: maybeUrl,
    sinkBinding: z.boolean(),
  }),
  knative: z.strictObject({ servingNamespace: label, eventingNamespace: label, clusterDomain: objectName }),
  serviceDefaults: z.strictObject(serviceSettings),
  jobDefaults: z.strictObject({ startedBy: z.enum(["jobsink", "start-job"]), ...jobSettings }),
  functions: z.strictObject({
    "receive-webhook": service,
    "index-charts": serviceOrJob,
    "serve-charts": service,
    "list-images": serviceOrJob,
    "mirror-images": serviceOrJob,
    "build-bundle": serviceOrJob,
    bury: always,
    "follow-release": wokenService,
    "report-release": wokenService,
    "start-job": always,
  }),
  releases: z.strictObject({
    enabled: z.boolean(),
    schedule: z.string().min(1),
    crd: z.strictObject({ create: z.boolean() }),
  }),
  single: z.strictObject({
    serviceAccountAnnotations: texts,
    resources,
    terminationGracePeriodSeconds: z.int().min(1),
    persistence: z.strictObject({
      enabled: z.boolean(),
      existingClaim: maybeName,
      size: z.string().regex(/^\d+(\.\d+)?[KMGTPE]i?$/),
      storageClass: z.string(),
      accessModes: z.array(z.enum(["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"])).min(1),
      annotations: texts,
    }),
    service: z.strictObject({
      type: z.enum(["ClusterIP", "NodePort", "LoadBalancer"]),
      port: z.int().min(1).max(65535),
      registryPort: z.int().min(1).max(65535),
      annotations: texts,
    }),
    ingress: z.strictObject({
      enabled: z.boolean(),
      className: z.string(),
      annotations: texts,
      hosts: z.array(z.string().min(1)),
      paths: z.array(z.string().regex(/^\//)).min(1),
      tls: z.array(kubernetes),
    }),
    httpRoute: z.strictObject({
      enabled: z.boolean(),
      annotations: texts,
      hostnames: z.array(z.string().min(1)),
      parentRefs: z.array(kubernetes),
    }),
  }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    gatewayNamespaces: z.array(label),
    from: z.array(kubernetes),
    exceptCIDRs: z.array(z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/)),
  }),
  podDisruptionBudget: z.strictObject({ enabled: z.boolean() }),
  nodeSelector: texts,
  tolerations: z.array(kubernetes),
  affinity: kubernetes,
  observability: z.strictObject({
    otlpEndpoint: maybeUrl,
    podMonitor: z.strictObject({
      enabled: z.boolean(),
      labels: texts,
      interval: z.string().regex(/^\d+(ms|s|m|h)$/),
    }),
    prometheusRule: z.strictObject({ enabled: z.boolean(), labels: texts }),
  }),
});

/** values.schema.json of the chart. */
export const valuesJsonSchema = (): unknown => z.toJSONSchema(valuesSchema, { io: "input", reused: "ref" });
