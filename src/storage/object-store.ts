/**
 * The one interface to a place that holds objects. Six backends implement it (local, s3, gcs, azure, swift, sftp); each passes
 * test/conformance/object-store.ts. Cross-cutting behaviour (retry, limits, dry-run, faults) is a decorator over the same interface.
 *
 * Keys are relative to the store's root: segments of `[A-Za-z0-9._-]` joined by `/`, at most 1,024 bytes (255 a segment), no empty,
 * `.` or `..` segment. A backend rejects other keys with `value.invalid` before it touches anything (object-key.ts). No key may be
 * another key plus `/…`: file systems cannot hold both, and say `value.invalid`.
 *
 * Errors are `Failure`s with a `store.*` code (domain/failure.ts). `store.not-found` is only for an answer of the store itself.
 * Where there is no store at all (no bucket, no directory, a disk that is not mounted) every method throws `store.absent`: absence of
 * the store never reads as absence of an object. No method creates the store; open-store.ts has an explicit step for that.
 * Every method may be called again after a failure, and obeys its AbortSignal with the signal's reason.
 */
export interface ObjectStore {
  readonly capabilities: StoreCapabilities;

  /**
   * The largest body of which `put` with `ifAbsent` is atomic among concurrent writers: infinity where size does not matter, 0 where
   * `ifAbsent` is checked, but two at once may both succeed. A question to the store itself where nothing else tells (SFTP), so that
   * it may fail as any; the answer is the same for all that use the store.
   */
  conditionalCreateLimit(options: CallOptions): Promise<number>;

  /** For people and errors: type and place without any secret, for example `local /backup/repo` or `s3 bucket/prefix`. */
  readonly description: string;

  /**
   * Writes a whole object. It appears at once and complete, or not at all; when the promise resolves it is durable.
   * The body is read once, as a stream, in bounded memory; a body that throws leaves nothing behind.
   * `store.incomplete` where `size` was given and the body is shorter or longer.
   */
  put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectInfo>;

  /**
   * Reads an object or a part of it. `store.not-found` where it is absent, `store.incomplete` where the body ends early or
   * the range reaches beyond the end. Breaking off the iteration releases the connection. The body can be iterated once, and must be:
   * one that nobody iterates (or closes by its iterator's `return`) holds its connection.
   */
  get(key: string, options: GetOptions): Promise<ObjectBody>;

  /** Size and time, or undefined where the object is absent. What it reports is durable, whoever wrote it and however lately. */
  head(key: string, options: CallOptions): Promise<ObjectInfo | undefined>;

  /**
   * All objects whose key starts with `prefix` (a plain string prefix), in byte order of keys, in pages.
   * The iteration ends normally only when the listing was complete; otherwise it throws. Memory is bounded by one page
   * (file systems: and by the names in one directory). Objects written or removed meanwhile may or may not be in it.
   */
  list(prefix: string, options: ListOptions): AsyncIterable<readonly ObjectInfo[]>;

  /**
   * Removes objects; an absent one counts as removed. Never throws for a single key: each result says what happened, in the order
   * of the keys. When the promise resolves, the removals are durable.
   */
  deleteMany(keys: readonly string[], options: CallOptions): Promise<readonly DeleteResult[]>;

  /**
   * Removes what uploads of keys below `prefix` that began before `before` (epoch milliseconds) and never ended left behind,
   * where the store keeps such things.
   * Returns how many there were. Running uploads of anybody must be younger.
   */
  removeAbandonedUploads(prefix: string, before: number, options: CallOptions): Promise<number>;

  /** Releases sockets and handles. */
  close(): Promise<void>;
}

/** A piece does not change any more once it was given: a put may keep it until the next ones have come. */
export type ObjectBody = AsyncIterable<Uint8Array>;

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface PutOptions extends CallOptions {
  /** Exact size of the body where the caller knows it. */
  readonly size?: number;
  /**
   * Create only: `store.exists` where the key is taken (by an object that is durable). Up to
   * `conditionalCreateLimit`, exactly one of concurrent creators succeeds. Absent: create or replace.
   */
  readonly ifAbsent?: boolean;
  /** The object will soon be removed or replaced (lease, catalogue): the policy's object lock is not put on it. */
  readonly unlocked?: boolean;
}

export interface GetOptions extends CallOptions {
  readonly range?: { readonly offset: number; readonly length: number };
}

export interface ListOptions extends CallOptions {
  /** Only keys after this one (exclusive), in byte order. */
  readonly startAfter?: string;
}

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** When the store says that the object was written, epoch milliseconds. */
  readonly storedAt: number;
}

export type DeleteResult =
  | { readonly key: string; readonly kind: 'removed' }
  /** Locked by the store until then: not an error (object lock, legal hold). */
  | { readonly key: string; readonly kind: 'retained'; readonly until: number | undefined }
  | { readonly key: string; readonly kind: 'failed'; readonly error: Error };

export interface StoreCapabilities {
  /** A listing that starts after a write or delete has ended sees it. */
  readonly consistentListing: boolean;
  /** The store checks bodies against a checksum that the client sends. */
  readonly checksumOnWrite: boolean;
  readonly objectLock: boolean;
  /** Most keys that one request of the store can delete; deleteMany splits by itself. */
  readonly deleteBatch: number;
}
