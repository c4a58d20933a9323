import { sharedBuffer } from '../codec/chunk-workers.ts';

/** A fixed number of buffers of one size, in memory that worker threads see; whoever wants one waits until one is free. That is what bounds the memory of a backup. */
export class BufferPool {
  readonly #size: number;
  readonly #free: Buffer[] = [];
  readonly #waiting: PromiseWithResolvers<Buffer>[] = [];
  #unmade: number;
  #failure: { readonly error: unknown } | undefined;

  constructor(count: number, size: number) {
    this.#unmade = count;
    this.#size = size;
  }

  acquire(): Promise<Buffer> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    const free = this.#free.pop();
    if (free) return Promise.resolve(free);
    if (this.#unmade > 0) {
      this.#unmade -= 1;
      return Promise.resolve(sharedBuffer(this.#size));
    }
    const waiter = Promise.withResolvers<Buffer>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  /** Gives a buffer back; its content may change from now on. */
  release(buffer: Buffer): void {
    const waiter = this.#waiting.shift();
    if (waiter) waiter.resolve(buffer);
    else this.#free.push(buffer);
  }

  /** Everybody who waits or comes later gets the error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#failure.error);
  }
}
