import type { DeleteResult, ObjectInfo, StoreCapabilities } from '../object-store.ts';

/**
 * What a remote backend implements: single requests of its store, nothing else. `remote-store.ts` makes an ObjectStore of it, and is the
 * only place that cuts bodies into parts, retries, waits, limits, and resumes a broken download. So a driver
 *
 * - sends every call once (SDK retries off) and reports a failure as a `Failure` with a `store.*` code, which decides what happens next:
 *   `store.unavailable` (reset, time-out, 5xx, a 200 with an error body), `store.throttled` (429, 503 SlowDown) are tried again,
 *   everything else is final. A server's Retry-After is carried by `RetryAfter` (retry-after.ts) as the failure's cause.
 * - makes every call repeatable: the same call again after an answer that was lost has the same result.
 * - keeps no more of a body than it was given.
 *
 * Keys are valid (object-key.ts) when a driver sees them, and whole: what the policy's `prefix` adds is already in them.
 */
export interface StoreDriver {
  /** For people: type and place without any secret, for example `s3 backups at https://s3.example.org`. */
  readonly description: string;
  readonly capabilities: StoreCapabilities;
  readonly sizes: DriverSizes;

  /** ObjectStore.conditionalCreateLimit. */
  conditionalCreateLimit(options: DriverOptions): Promise<number>;

  /** Writes an object in one request. `body` is at most `sizes.whole` long and stays unchanged until the promise has settled. */
  putWhole(key: string, body: Body, options: DriverPutOptions): Promise<ObjectInfo>;

  /** Begins an object that is too large for one request. Nothing of it is visible before `complete`. */
  beginUpload(key: string, options: DriverPutOptions & { readonly size: number | undefined }): Promise<DriverUpload>;

  /**
   * Reads an object or an exact range of it, which is never empty. `store.not-found` where it is absent, `store.incomplete` where the
   * range reaches beyond its end, `store.changed` where `version` is given and is not what is stored now. The body may break off with
   * `store.unavailable`, after which the rest is read with `version`; a checksum that does not fit is `store.incomplete`. Ending its
   * iteration early releases the connection.
   */
  read(key: string, options: DriverReadOptions): Promise<DriverObject>;

  head(key: string, options: DriverOptions): Promise<ObjectInfo | undefined>;

  /** One page in byte order of keys, which may be empty; names that are no valid keys may be in it. `next` is absent on the last one. `startAfter` is exclusive and given for the first page only. */
  listPage(prefix: string, options: DriverListOptions): Promise<DriverPage>;

  /** At most `capabilities.deleteBatch` keys; the results in the order of the keys. Throws where the request as a whole failed. */
  deleteBatch(keys: readonly string[], options: DriverOptions): Promise<readonly DeleteResult[]>;

  /** Removes what uploads of keys below `prefix` that were begun before `before` (epoch milliseconds) and never completed left behind; how many there were. */
  removeAbandonedUploads(prefix: string, before: number, options: DriverOptions): Promise<number>;

  close(): Promise<void>;
}

/** Pieces that together are the body: so that nothing needs to be copied into one buffer. */
export interface Body {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

interface DriverSizes {
  /** The largest body that goes into one request; also the most of an object that is held in memory while its size is unknown. */
  readonly whole: number;
  /** Size of part `index` (from 0) of an object of `size` bytes, undefined where nobody knows it. The last part may be smaller. */
  readonly part: (index: number, size: number | undefined) => number;
  /** How many parts of one object may be sent at once; 1 where the store wants them in order. */
  readonly parallelParts: number;
  /** How large the largest object can be. */
  readonly largest: number;
}

export interface DriverOptions {
  readonly signal: AbortSignal;
}

export interface DriverPutOptions extends DriverOptions {
  /** `store.exists` where the key is taken by another upload than this. */
  readonly ifAbsent: boolean;
  /**
   * Names this one put, however often it is tried: 32 hexadecimal digits. Where it creates, or sends parts, a driver stores it beside the
   * object (user metadata `hoard-upload`), and takes an `ifAbsent` that fails on an object with the same token for the success that it was.
   */
  readonly token: string;
  /** Do not lock the object, whatever the policy says: it will soon be removed or replaced (lease, catalogue). */
  readonly unlocked: boolean;
}

export interface DriverUpload {
  /** Sends part `index` (from 0); again where an earlier attempt failed. `offset` is where it begins in the object. */
  putPart(
    part: { readonly index: number; readonly offset: number; readonly last: boolean },
    body: Body,
    options: DriverOptions,
  ): Promise<void>;
  /** Makes the object visible, whole. Returns only when it is durable and its size is what was sent; else it is not there. */
  complete(options: DriverOptions): Promise<ObjectInfo>;
  /** Gives back what was sent; never called once a `complete` may have happened. Best effort: what cannot be removed now, `removeAbandonedUploads` finds later. */
  abort(options: DriverOptions): Promise<void>;
}

export interface DriverReadOptions extends DriverOptions {
  readonly range: { readonly offset: number; readonly length: number } | undefined;
  readonly version: string | undefined;
}

export interface DriverObject {
  /** Size of the whole object. */
  readonly size: number;
  /** Changes when the object does: an ETag, a generation, or size and time. */
  readonly version: string;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface DriverListOptions extends DriverOptions {
  readonly startAfter: string | undefined;
  /** What the page before gave as `next`. */
  readonly continuation: string | undefined;
}

export interface DriverPage {
  readonly objects: readonly ObjectInfo[];
  readonly next: string | undefined;
}
