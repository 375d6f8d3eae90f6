/** What lies in a store under one key. */
export interface Stat {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written. */
  readonly modified: Date;
  /** Another one when other bytes are written. Writing the same bytes again may leave it, or not. */
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
  /**
   * Ranges of which equal bytes lie in a store already, ascending and apart from each other. A store that can copy by itself
   * may do that instead of taking what is read; it reads all the same, and compares as far as it can.
   * {@linkcode assembled} makes such bodies.
   */
  readonly stored?: readonly StoredRange[] | undefined;
}

/** A range of a body that is also a range of an object. */
export interface StoredRange {
  /** Where it begins in the body. */
  readonly at: number;
  readonly size: number;
  /** The object: its store's URL and its key, percent-encoded. */
  readonly url: string;
  /** Where it begins in the object. */
  readonly start: number;
  /** As {@linkcode Stat} gives it. An object of another version is never copied. */
  readonly version: string;
}

/** What can be put. A chunk may change once the next one was asked for. */
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
  /**
   * Names the bytes of a RangeBody: the same identity, the same bytes, always (a digest of what they are made from). With
   * it, an upload that died goes on where it was, and one that is complete is not repeated. Printable ASCII.
   */
  readonly identity?: string | undefined;
  /** Told how many bytes got where they belong, and how, by stores that write large objects in parts. */
  readonly onPart?: ((size: number, how: PartSource) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sent by this put, copied inside the store, or found there from an earlier put of the same identity. All of it was read. */
export type PartSource = "sent" | "copied" | "found";

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
 * 1024 characters at most (STORE_KEY_INVALID); an object store counts its prefix as well. A key cannot be another key's
 * directory: having `a`, nobody may put `a/b`. Stores with directories refuse it; those without do not look, since that
 * would take a request for each segment of each put (docs/stores.md).
 *
 * An object is visible only once it is whole; a put that fails or dies leaves what was there before.
 */
export interface Store extends Reader {
  put(key: string, body: Body, options?: PutOptions): Promise<"written" | "present">;

  /** Deleting what is not there is no error. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
}
