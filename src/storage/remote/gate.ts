import type { Clock } from '../../telemetry/effects.ts';

/** Requests that were under way when the store said "slow down" say the same: together they count once. */
const WINDOW_MILLISECONDS = 2000;

/**
 * How many requests may be under way at once. The store's "slow down" halves it, successes raise it again by about one a round,
 * as TCP does with its window. Waiters come first, first served.
 */
export class Gate {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #limit: number;
  #running = 0;
  #cutAt = Number.NEGATIVE_INFINITY;

  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#limit = most;
    this.#clock = clock;
  }

  /** How many may run now, at least 1. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Runs `work` as soon as there is room; throws the signal's reason when aborted before. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.enter(signal);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Waits for room; each needs its `leave`. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.limit && this.#waiting.size === 0) {
      this.#running += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const admit = (): void => {
      signal.removeEventListener('abort', leave);
      resolve(undefined);
    };
    const leave = (): void => {
      this.#waiting.delete(admit);
      reject(signal.reason);
    };
    this.#waiting.add(admit);
    signal.addEventListener('abort', leave, { once: true });
    await promise;
  }

  leave(): void {
    this.#running -= 1;
    this.#admit();
  }

  succeeded(): void {
    this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
    this.#admit();
  }

  throttled(): void {
    const now = this.#clock.now();
    if (now >= this.#cutAt && now < this.#cutAt + WINDOW_MILLISECONDS) return;
    this.#cutAt = now;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  #admit(): void {
    for (const admit of this.#waiting) {
      if (this.#running >= this.limit) return;
      this.#waiting.delete(admit);
      this.#running += 1;
      admit();
    }
  }
}
