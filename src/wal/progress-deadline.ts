import { Failure } from '../domain/failure.ts';
import type { Clock } from '../telemetry/effects.ts';

/**
 * Ends work that no longer moves. PostgreSQL waits for archive_command and restore_command without any limit of its own, and a limit
 * on the whole would punish large segments on slow lines; so what counts is the time since the last piece of data.
 */
export class ProgressDeadline implements Disposable {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #stalled = new AbortController();
  readonly #done = new AbortController();
  /** Aborts with `store.unavailable` when nothing has moved for the time, and with the outer signal's reason. */
  readonly signal: AbortSignal;
  #movedAt: number;

  constructor(clock: Clock, limitMilliseconds: number, outer: AbortSignal) {
    this.#clock = clock;
    this.#limit = limitMilliseconds;
    this.#movedAt = clock.now();
    this.signal = AbortSignal.any([outer, this.#stalled.signal]);
    void this.#watch();
  }

  /** Something has moved. */
  touch(): void {
    this.#movedAt = this.#clock.now();
  }

  /** Passes pieces on, each of which counts as movement. */
  async *watching(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.touch();
      yield piece;
    }
  }

  [Symbol.dispose](): void {
    this.#done.abort();
  }

  async #watch(): Promise<void> {
    try {
      for (;;) {
        const left = this.#movedAt + this.#limit - this.#clock.now();
        if (left <= 0) break;
        await this.#clock.sleep(left, this.#done.signal);
      }
    } catch {
      // Disposed: the work has ended.
      return;
    }
    this.#stalled.abort(
      new Failure('store.unavailable', { message: `nothing has moved for ${Math.round(this.#limit / 1000)} seconds` }),
    );
  }
}
