/** What lies in a store under one key. */
export interface Stat {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written. */
  readonly modified: Date;
  /** Another one after each write, also within the same instant. Says nothing of the content. */
  readonly version: string;
}

export interface StoredObject extends Stat {
  /** The bytes, read as they are consumed. Whoever stops early releases the file or connection behind it. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Bytes of known length of which any range can be produced alone, any number of times.
 *
 * This is what large puts are made of: a store that uploads in parts asks for the parts it needs, in parallel, and again
 * for one that failed.
 */
export interface RangeBody {
  readonly size: number;
  /** Bytes `start` to `end` (exclusive). */
  read(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

export type Body = Uint8Array | string | AsyncIterable<Uint8Array> | RangeBody;

export interface GetOptions {
  /** First byte wanted, counted from 0. */
  readonly start?: number | undefined;
  /** One past the last byte wanted. Past the end of the object it means "to the end". */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PutOptions {
  /** Write only where nothing is: "present" comes back when something was, and nothing changes. */
  readonly ifAbsent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Object storage, for those who only read. */
export interface Reader {
  /** The store's URL, without secrets. */
  readonly url: string;

  /** @returns undefined when there is nothing under the key */
  stat(key: string, signal?: AbortSignal): Promise<Stat | undefined>;

  /**
   * @returns the whole object, or the range asked for; `size` is always the whole object's
   * @throws RejectedError STORE_NOT_FOUND
   */
  get(key: string, options?: GetOptions): Promise<StoredObject>;

  /** Everything whose key begins with `prefix`, in the byte order of the keys. Not a snapshot. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<Stat>;
}

/**
 * Object storage: flat keys, whole objects.
 *
 * Keys are printable ASCII without backslash: segments of 1 to 255 characters joined by `/`, none of them `.` or `..`,
 * 1024 characters at most (STORE_KEY_INVALID). A key cannot be another key's directory: having `a`, `a/b` is refused.
 * An object is visible only once it is whole; a put that fails or dies leaves what was there before.
 */
export interface Store extends Reader {
  put(key: string, body: Body, options?: PutOptions): Promise<"written" | "present">;

  /** Deleting what is not there is no error. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
}
