import { Failure } from '../../src/domain/failure.ts';
import type { DeleteResult, ObjectInfo, StoreCapabilities } from '../../src/storage/object-store.ts';
import type {
  Body,
  DriverObject,
  DriverOptions,
  DriverPage,
  DriverPutOptions,
  DriverReadOptions,
  DriverUpload,
  StoreDriver,
} from '../../src/storage/remote/driver.ts';
import { RetryAfter } from '../../src/storage/remote/retry-after.ts';

/** What goes wrong with one request: `lost` means that it was done, but the answer did not arrive. */
export type Fault = 'unavailable' | 'lost' | 'throttled' | 'denied' | 'hangs' | { readonly cutAfter: number };

export interface Request {
  readonly operation:
    | 'putWhole'
    | 'beginUpload'
    | 'putPart'
    | 'complete'
    | 'abort'
    | 'read'
    | 'head'
    | 'listPage'
    | 'deleteBatch'
    | 'removeAbandonedUploads';
  readonly key: string;
  readonly bytes: number;
}

interface Stored {
  readonly bytes: Uint8Array;
  readonly token: string;
  readonly version: string;
  readonly storedAt: number;
  readonly unlocked: boolean;
}

export interface MemoryDriverOptions {
  readonly fault?: (request: Request) => Fault | undefined;
  readonly whole?: number;
  readonly part?: number;
  readonly parallelParts?: number;
  readonly largest?: number;
  readonly pageSize?: number;
  readonly deleteBatch?: number;
  /** Bytes of a piece of a body that is read. */
  readonly piece?: number;
}

/** A driver that keeps objects in memory and fails as it is told to. */
export class MemoryDriver implements StoreDriver {
  readonly description = 'memory';
  readonly capabilities: StoreCapabilities;
  readonly sizes: StoreDriver['sizes'];
  readonly objects = new Map<string, Stored>();
  readonly uploads = new Set<MemoryUpload>();
  readonly requests: Request[] = [];
  /** Requests that have begun and not ended, and the most there ever were. */
  running = 0;
  mostRunning = 0;
  openBodies = 0;
  readonly options: MemoryDriverOptions;
  #versions = 0;

  constructor(options: MemoryDriverOptions = {}) {
    this.options = options;
    const { whole = 1024, part = 1024, parallelParts = 3, largest = 2 ** 40, deleteBatch = 100 } = options;
    this.sizes = { whole, part: () => part, parallelParts, largest };
    this.capabilities = {
      consistentListing: true,
      checksumOnWrite: false,
      objectLock: false,
      deleteBatch,
    };
  }

  async conditionalCreateLimit(): Promise<number> {
    return Number.POSITIVE_INFINITY;
  }

  async putWhole(key: string, body: Body, options: DriverPutOptions): Promise<ObjectInfo> {
    if (body.length > this.sizes.whole) throw new Failure('bug', { message: 'the body is too large' });
    return this.request({ operation: 'putWhole', key, bytes: body.length }, options.signal, () =>
      this.store(key, joined(body), options),
    );
  }

  async beginUpload(key: string, options: DriverPutOptions): Promise<DriverUpload> {
    return this.request({ operation: 'beginUpload', key, bytes: 0 }, options.signal, () => {
      const upload = new MemoryUpload(this, key, options);
      this.uploads.add(upload);
      return upload;
    });
  }

  async read(key: string, options: DriverReadOptions): Promise<DriverObject> {
    let cutAfter = Number.POSITIVE_INFINITY;
    const answer = await this.request(
      { operation: 'read', key, bytes: options.range?.length ?? 0 },
      options.signal,
      () => {
        const found = this.objects.get(key);
        if (found === undefined) throw new Failure('store.not-found', { message: `no ${key}` });
        if (options.version !== undefined && options.version !== found.version) {
          throw new Failure('store.changed', { message: `${key} was replaced` });
        }
        const { offset, length } = options.range ?? { offset: 0, length: found.bytes.length };
        if (options.range !== undefined && length <= 0) throw new Failure('bug', { message: 'an empty range' });
        if (offset + length > found.bytes.length) {
          throw new Failure('store.incomplete', { message: `${key} ends before` });
        }
        return { found, wanted: found.bytes.subarray(offset, offset + length) };
      },
      (at) => {
        cutAfter = at;
      },
    );
    const body = this.#pieces(answer.wanted, cutAfter, options.signal);
    return { size: answer.found.bytes.length, version: answer.found.version, body };
  }

  async head(key: string, options: DriverOptions): Promise<ObjectInfo | undefined> {
    return this.request({ operation: 'head', key, bytes: 0 }, options.signal, () => {
      const found = this.objects.get(key);
      return found && infoOf(key, found);
    });
  }

  async listPage(
    prefix: string,
    options: DriverOptions & { startAfter: string | undefined; continuation: string | undefined },
  ): Promise<DriverPage> {
    return this.request({ operation: 'listPage', key: prefix, bytes: 0 }, options.signal, () => {
      const after = options.continuation ?? options.startAfter ?? '';
      const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted();
      const page = keys.slice(0, this.options.pageSize ?? 1000);
      const objects = page.flatMap((key) => {
        const found = this.objects.get(key);
        return found ? [infoOf(key, found)] : [];
      });
      return { objects, next: page.length < keys.length ? page.at(-1) : undefined };
    });
  }

  async deleteBatch(keys: readonly string[], options: DriverOptions): Promise<readonly DeleteResult[]> {
    if (keys.length > this.capabilities.deleteBatch) throw new Failure('bug', { message: 'the batch is too large' });
    if (new Set(keys).size < keys.length) throw new Failure('bug', { message: 'a key twice in one request' });
    return this.request({ operation: 'deleteBatch', key: keys[0] ?? '', bytes: 0 }, options.signal, () => {
      for (const key of keys) this.objects.delete(key);
      return keys.map((key) => ({ key, kind: 'removed' }) as const);
    });
  }

  async removeAbandonedUploads(prefix: string, before: number, options: DriverOptions): Promise<number> {
    return this.request({ operation: 'removeAbandonedUploads', key: prefix, bytes: 0 }, options.signal, () => {
      const old = [...this.uploads].filter((upload) => upload.key.startsWith(prefix) && upload.begunAt < before);
      for (const upload of old) this.uploads.delete(upload);
      return old.length;
    });
  }

  async close(): Promise<void> {
    // Nothing to release.
  }

  /** Makes an object visible, with the rule of tokens. */
  store(key: string, bytes: Uint8Array, options: DriverPutOptions): ObjectInfo {
    const there = this.objects.get(key);
    if (options.ifAbsent && there !== undefined) {
      if (there.token === options.token) return infoOf(key, there);
      throw new Failure('store.exists', { message: `${key} is taken` });
    }
    this.#versions += 1;
    const version = `v${this.#versions}`;
    const stored = { bytes, token: options.token, version, storedAt: Date.now(), unlocked: options.unlocked };
    this.objects.set(key, stored);
    return infoOf(key, stored);
  }

  async request<T>(
    request: Request,
    signal: AbortSignal,
    work: () => T,
    cut?: (afterBytes: number) => void,
  ): Promise<T> {
    signal.throwIfAborted();
    this.requests.push(request);
    const fault = this.options.fault?.(request);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      if (fault === 'hangs') await aborted(signal);
      if (fault === 'unavailable') throw new Failure('store.unavailable', { message: 'connection reset' });
      if (fault === 'denied') throw new Failure('store.denied', { message: 'the key has expired' });
      if (fault === 'throttled') {
        throw new Failure('store.throttled', { message: 'slow down', cause: new RetryAfter(1) });
      }
      const answer = work();
      if (fault === 'lost') throw new Failure('store.unavailable', { message: 'the answer was lost' });
      if (typeof fault === 'object') cut?.(fault.cutAfter);
      return answer;
    } finally {
      this.running -= 1;
    }
  }

  async *#pieces(wanted: Uint8Array, cutAfter: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.openBodies += 1;
    try {
      const { piece = 64 * 1024 } = this.options;
      for (let at = 0; at < wanted.length; at += piece) {
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        const end = Math.min(at + piece, wanted.length, cutAfter);
        if (end > at) yield wanted.slice(at, end);
        if (end === cutAfter) throw new Failure('store.unavailable', { message: 'the body broke off' });
      }
    } finally {
      this.openBodies -= 1;
    }
  }
}

export class MemoryUpload implements DriverUpload {
  readonly key: string;
  readonly begunAt = Date.now();
  readonly #driver: MemoryDriver;
  readonly #options: DriverPutOptions;
  readonly #parts = new Map<number, { readonly offset: number; readonly bytes: Uint8Array; readonly last: boolean }>();

  constructor(driver: MemoryDriver, key: string, options: DriverPutOptions) {
    this.#driver = driver;
    this.key = key;
    this.#options = options;
  }

  async putPart(
    part: { readonly index: number; readonly offset: number; readonly last: boolean },
    body: Body,
    options: DriverOptions,
  ): Promise<void> {
    await this.#driver.request({ operation: 'putPart', key: this.key, bytes: body.length }, options.signal, () => {
      this.#parts.set(part.index, { offset: part.offset, bytes: joined(body), last: part.last });
    });
  }

  async complete(options: DriverOptions): Promise<ObjectInfo> {
    return this.#driver.request({ operation: 'complete', key: this.key, bytes: 0 }, options.signal, () => {
      const parts = [...this.#parts].toSorted(([one], [other]) => one - other).map(([, part]) => part);
      let offset = 0;
      for (const part of parts) {
        if (part.offset !== offset || part.last !== (part === parts.at(-1))) {
          throw new Failure('bug', { message: 'the parts are not one body' });
        }
        offset += part.bytes.length;
      }
      const info = this.#driver.store(this.key, Buffer.concat(parts.map((part) => part.bytes)), this.#options);
      this.#driver.uploads.delete(this);
      return info;
    });
  }

  async abort(options: DriverOptions): Promise<void> {
    await this.#driver.request({ operation: 'abort', key: this.key, bytes: 0 }, options.signal, () => {
      this.#driver.uploads.delete(this);
    });
  }
}

const infoOf = (key: string, { bytes, storedAt }: Stored): ObjectInfo => ({ key, size: bytes.length, storedAt });

function joined(body: Body): Uint8Array {
  const bytes = Buffer.concat(body.pieces);
  if (bytes.length !== body.length)
    throw new Failure('bug', { message: 'the pieces are not as long as the body says' });
  return new Uint8Array(bytes);
}

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
