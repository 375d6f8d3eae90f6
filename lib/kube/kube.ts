/** What every object has, and whatever else it has. Readers check what they use: others write objects too. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Changes with every write. In an object that is written: only if this is still its version, else KUBE_CONFLICT. */
  readonly resourceVersion?: string;
  /** Counts changes of `spec`. */
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** A kind of object and where the API has it. */
export interface Resource {
  /** Such as `v1` or `batch/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** As in paths and roles: `secrets`, `jobs`. */
  readonly plural: string;
  /** False for objects of the whole cluster. Default: true. */
  readonly namespaced?: boolean;
}

export interface KubeOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface InNamespace extends KubeOptions {
  /** Default: {@linkcode Kube.namespace}. */
  readonly namespace?: string | undefined;
}

export interface WriteOptions extends InNamespace {
  /** Write this part of the object, which has permissions of its own, and nothing else of it. */
  readonly subresource?: "status" | undefined;
}

export interface ApplyOptions extends KubeOptions, Pick<WriteOptions, "subresource"> {
  /**
   * Take fields over from whoever else applied them. Without, a field that another manager has set to another value is a
   * KUBE_CONFLICT. Default: false.
   */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions extends InNamespace {
  /** Only the object with this uid, not one that took its name since: else KUBE_CONFLICT. */
  readonly uid?: string | undefined;
}

export interface ListOptions extends InNamespace {
  /** A label selector, such as `app=a,tier!=b`. */
  readonly labels?: string | undefined;
  /** A field selector, such as `metadata.name=a`. */
  readonly fields?: string | undefined;
}

/**
 * The Kubernetes API server, as the account of this process: plain objects, one request each, nothing remembered.
 *
 * Objects go to the namespace in their metadata, else to {@linkcode Kube.namespace}. What is written is checked strictly: a
 * field that the kind does not have is never dropped, but KUBE_REFUSED (when it is applied: KUBE_UNAVAILABLE, since the API
 * server has no word for that but 500). Every write is under the field manager `stowage`.
 *
 * Every method throws
 * - TransientError KUBE_UNAVAILABLE: not reached, no whole answer in time, throttled or failing (429, 5xx), with
 *   `retryAfter` where the server said so
 * - TransientError KUBE_CONFLICT: somebody else changed the object, or manages the field (409). Read it again, then decide
 * - RejectedError KUBE_DENIED (401, 403), KUBE_NOT_FOUND (404: the object, its namespace or its kind),
 *   KUBE_REFUSED (422 and every other answer)
 * - RejectedError CREDENTIALS_INVALID: the files that hold them cannot be read any more
 * - the signal's reason, when it is aborted
 */
export interface Kube {
  /** Of this pod, or of the kubeconfig's context; where that names none, `default`. */
  readonly namespace: string;

  get(resource: Resource, name: string, options?: InNamespace): Promise<KubeObject>;

  /**
   * The objects that a selector selects, page by page as they are read. An object that changes meanwhile comes as it was when
   * the list began. KUBE_UNAVAILABLE when reading took so long that the server has forgotten that (410): list again.
   */
  list(resource: Resource, options?: ListOptions): AsyncIterable<KubeObject>;

  /**
   * Make an object.
   *
   * @returns it, as the server completed it
   * @throws RejectedError KUBE_EXISTS when there is one of its name
   */
  create(resource: Resource, object: KubeObject, options?: KubeOptions): Promise<KubeObject>;

  /**
   * Server-side apply: the fields given are set, and ours; fields applied earlier and not given any more are removed; fields
   * of others stay (https://kubernetes.io/docs/reference/using-api/server-side-apply/). Makes the object where there is none;
   * a `status` it does not make: KUBE_NOT_FOUND.
   *
   * With `metadata.uid`: only the object with this uid, not one that took its name since: else KUBE_CONFLICT.
   *
   * @returns the whole object as it is now
   */
  apply(resource: Resource, object: KubeObject, options?: ApplyOptions): Promise<KubeObject>;

  /**
   * Merge into an object: what is given is set, null removes, lists are replaced whole (RFC 7386).
   *
   * @returns the whole object as it is now
   */
  patch(
    resource: Resource,
    name: string,
    changes: Readonly<Record<string, unknown>>,
    options?: WriteOptions,
  ): Promise<KubeObject>;

  /** Have an object deleted, and in the background what it owns. It may be there for a while yet. */
  delete(resource: Resource, name: string, options?: DeleteOptions): Promise<void>;
}
