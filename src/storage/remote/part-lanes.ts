import type { BufferBudget } from './buffer-budget.ts';

/**
 * Parts of one object on their way: so many at once, and never more of them in memory than the repository's budget gives beyond one.
 * The first that fails stops the others. Disposing waits for all, so that no buffer is in use afterwards.
 */
export class PartLanes implements AsyncDisposable {
  readonly #parallel: number;
  readonly #budget: BufferBudget;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Ends the wait of `orFailure`. */
  #fail: ((error: unknown) => void) | undefined;
  #reserved: (() => void) | undefined;

  constructor(parallel: number, budget: BufferBudget, signal: AbortSignal) {
    this.#parallel = parallel;
    this.#budget = budget;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Waits for room for a part in memory; what it gives releases it again. */
  async reserve(bytes: number): Promise<() => void> {
    while (this.#running.size > 0) {
      if (this.#budget.tryTake(bytes)) {
        this.#reserved = () => this.#budget.give(bytes);
        return this.#reserved;
      }
      await this.#oneEnded();
    }
    this.#signal.throwIfAborted();
    this.#reserved = () => undefined;
    return this.#reserved;
  }

  /** `reading` a part of the body, unless a part that is under way fails before. */
  async orFailure<T>(reading: Promise<T>): Promise<T> {
    reading.catch(() => undefined);
    this.#signal.throwIfAborted();
    // A race against one promise of the whole upload would keep every part that was read until its end.
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#fail = reject;
        reading.then(resolve, reject);
      });
    } finally {
      this.#fail = undefined;
    }
  }

  /** Waits for a free lane and starts `work` in it. */
  async send(release: () => void, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#parallel) await this.#oneEnded();
    this.#signal.throwIfAborted();
    this.#reserved = undefined;
    const lane = this.#run(release, work);
    this.#running.add(lane);
    void lane.then(() => this.#running.delete(lane));
  }

  /** Waits for all; throws what the first that failed threw. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    this.#signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reserved?.();
    // Nobody waits for these any more: an error elsewhere ended the upload.
    if (this.#running.size > 0) this.#stop.abort();
    await Promise.all(this.#running);
  }

  /** Never rejects. */
  async #run(release: () => void, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(this.#signal);
    } catch (error) {
      if (!this.#signal.aborted) {
        this.#stop.abort(error);
        this.#fail?.(error);
      }
    } finally {
      release();
    }
  }

  async #oneEnded(): Promise<void> {
    await Promise.race(this.#running);
    this.#signal.throwIfAborted();
  }
}
