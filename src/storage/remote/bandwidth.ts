import type { Clock } from '../../telemetry/effects.ts';

/** What may go at once after a pause: short enough for any measurement of a second or more to show the limit. */
const BURST_MILLISECONDS = 250;

/** Lets bytes pass at a rate, all transfers of a repository together, in the order in which they ask. */
export class Bandwidth {
  readonly #bytesPerSecond: number | undefined;
  readonly #clock: Clock;
  /** When all that was let through so far will have passed, in milliseconds. */
  #passedAt = Number.NEGATIVE_INFINITY;

  /** Undefined: no limit. */
  constructor(bytesPerSecond: number | undefined, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Waits until `bytes` may have passed. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === undefined || bytes === 0) return;
    const needed = (bytes * 1000) / this.#bytesPerSecond;
    const now = this.#clock.now();
    this.#passedAt = Math.max(this.#passedAt, now - BURST_MILLISECONDS) + needed;
    const wait = this.#passedAt - now;
    if (wait <= 0) return;
    try {
      await this.#clock.sleep(wait, signal);
    } catch (error) {
      this.#passedAt -= needed;
      throw error;
    }
  }
}
