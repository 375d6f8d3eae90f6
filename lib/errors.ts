/** What the sender of an event should do after a failure: deliver it again, or give up on it. */
export type Disposition = "retry" | "reject";

/**
 * Every code a stowage error may carry, with the sentence docs/errors.md shows for it.
 *
 * Codes are stable: they are what people alert on. A code says what went wrong; the class says whether to try again.
 */
export const errorCodes = {
  // events
  EVENT_MALFORMED: "The message is not a CloudEvent 1.0: an attribute is missing or breaks the specification.",
  EVENT_MEDIA_TYPE: "The content type or content encoding of the message is not one a CloudEvent can have.",
  EVENT_TOO_LARGE: "The message, or what it inflates to, is larger than the host accepts.",
  EVENT_UNKNOWN: "The event's type is not in the catalogue.",
  EVENT_INVALID: "The event's data does not fit the schema of its type.",
  EVENT_MISROUTED: "The event reached a function that does not handle its type.",
  EVENT_TIMEOUT: "The function did not finish within the delivery's time, or its caller went away.",
  EVENT_UNDELIVERED: "The sink did not accept an event that a function published.",
  BROKER_UNAVAILABLE: "The embedded broker cannot take or settle events now: too much waits, or its disk fails.",
  JOURNAL_INVALID: "The embedded broker's journal is damaged, or was written by another version.",
  // configuration and command line
  CONFIG_INVALID: "The configuration is not valid; every problem is listed.",
  TRIGGER_INVALID: "A file in triggers/ asks for something the embedded broker does not do.",
  PORT_UNAVAILABLE: "A function asked for something that this host was not configured with.",
  DATA_IN_USE: "Another process already works in the data directory.",
  // store
  STORE_KEY_INVALID: "A store key is empty, too long or tries to leave the store.",
  STORE_NOT_FOUND: "The store holds no object of that key.",
  STORE_UNAVAILABLE: "The store could not be read or written now.",
  STORE_DENIED: "The store's service refused the credentials, or they do not allow this.",
  STORE_REFUSED: "The store's service refused for good: there is no such bucket, or it cannot do this.",
  STORE_OBJECT_INVALID: "An object in the store is larger than its reader takes, or is not what its key promises.",
  STORE_URL_INVALID: "The store URL is of a kind that is not supported, or is malformed.",
  // registries and content
  REFERENCE_INVALID: "A text is not an image reference.",
  DIGEST_INVALID: "A text is not a sha256 digest.",
  CONTENT_MISMATCH: "Bytes do not have the size or digest their descriptor promises.",
  CONTENT_UNKNOWN: "The registry, layout or archive does not hold the content asked for.",
  MANIFEST_INVALID: "A manifest or index cannot be read, is too large, or lies about its parts.",
  LAYOUT_INVALID: "A directory or archive does not hold images as an OCI layout, or a `docker save`, does.",
  IMAGE_INVALID:
    "What was given for an image is not allowed: a platform, a path in a layer, a variable or a port; or docker could not load it.",
  DISK_UNAVAILABLE: "A file could not be read or written now: the disk is full, access is denied, or it is gone.",
  TREE_INVALID: "A registry storage tree on disk is damaged, or a symbolic link leads out of it.",
  REGISTRY_DENIED: "The registry refused the credentials, or there were none.",
  REGISTRY_REFUSED: "The registry refused the request for good.",
  REGISTRY_UNAVAILABLE: "The registry could not be reached, is overloaded or answered with a server error.",
  CREDENTIALS_INVALID: "A credentials file cannot be read.",
  // charts
  CHART_INVALID: "A chart archive or its Chart.yaml cannot be read.",
  CHART_UNRENDERABLE: "A chart could not be rendered, so its images are not known.",
  RENDERER_UNAVAILABLE: "The program that renders charts is not there or did not run.",
  TEMPLATE_INVALID: "A template cannot be parsed, or fails when it is executed.",
  TEMPLATE_TOO_EXPENSIVE: "Templates want more work, output or depth of calls than one render may have.",
  SCHEMA_INVALID: "A JSON schema is none, or refers to something that is not in it: nothing is fetched.",
  YAML_INVALID: "A text is not the YAML or JSON it is read as, or is too large, too deep or repeats itself too often.",
  // archives and bundles
  ARCHIVE_INVALID: "An archive is damaged, or holds an entry that is not allowed.",
  RELEASE_INVALID: "A release description is not valid.",
  IMAGES_MISSING: "Images that a release needs are not in the registry; all of them are listed.",
  KEY_INVALID: "A key file is no ed25519 key in PEM of the kind that is needed.",
  BASE_INVALID: "The bundle that a delta is based on is none, is damaged, or is another one.",
  IMAGES_MOVED: "A tag came to name another image while a bundle was built of it, or since its list was locked.",
  // image lists and mirrors
  LIST_INVALID: "An image list cannot be read, or has errors; nothing of it is used.",
  MIRROR_INVALID: "A mirror was asked for that cannot be: no host to pull from, or a host that is none.",
  TARGET_NOT_EMPTY: "A registry that must hold nothing else holds an image that is not in the lists.",
  // Kubernetes
  KUBE_UNAVAILABLE: "The Kubernetes API server could not be reached, throttles or fails, or did not answer in time.",
  KUBE_CONFLICT: "Somebody else changed the object meanwhile, or manages a field that was to be set.",
  KUBE_DENIED: "The Kubernetes API server does not know the account, or its roles do not allow this.",
  KUBE_NOT_FOUND: "The cluster has no such object, namespace or kind of object.",
  KUBE_EXISTS: "The cluster already has an object of the name that was to be made.",
  KUBE_REFUSED: "The Kubernetes API server refused the object or the request for good.",
  // webhooks
  WEBHOOK_UNAUTHENTICATED: "A webhook request did not prove that its sender knows the secret.",
  WEBHOOK_MEDIA_TYPE: "A webhook's content type is not one that its sender is documented to send.",
  WEBHOOK_INVALID: "A webhook body is not what its sender is documented to send.",
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface StowageErrorOptions extends ErrorOptions {
  /** Seconds to wait before the same thing is tried again, when the other side said so. */
  readonly retryAfter?: number | undefined;
}

/**
 * Base of every error stowage raises on purpose.
 *
 * `disposition` decides between redelivery and the dead-letter sink. Anything else that is thrown is a bug.
 */
export abstract class StowageError extends Error {
  abstract readonly disposition: Disposition;
  readonly code: ErrorCode;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: StowageErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryAfter = options.retryAfter;
  }
}

/** The same thing may succeed later: a registry is throttling, a connection dropped. */
export class TransientError extends StowageError {
  override readonly name = "TransientError";
  readonly disposition = "retry";
}

/** The same thing can never succeed: bad data, an unknown chart, a digest that does not match. */
export class RejectedError extends StowageError {
  override readonly name = "RejectedError";
  readonly disposition = "reject";
}
