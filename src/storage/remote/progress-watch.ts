import { Failure } from '../../domain/failure.ts';
import type { Clock } from '../../telemetry/effects.ts';
import { FollowingSignal } from '../following-signal.ts';
import type { ProgressRule } from './remote-parts.ts';

const LOOKS_A_WINDOW = 6;

/**
 * Breaks off a transfer that brings next to nothing while it is waited for. How long the caller takes over what has come does not
 * count, nor how long the whole lasts: a slow transfer that moves is fine.
 */
export class ProgressWatch implements Disposable {
  readonly #clock: Clock;
  readonly #rule: ProgressRule;
  readonly #transfer: FollowingSignal;
  readonly #stop: () => void;
  readonly #what: string;
  #waited = 0;
  #waitingSince: number | undefined;
  #moved = 0;

  constructor(what: string, rule: ProgressRule, clock: Clock, signal: AbortSignal) {
    this.#what = what;
    this.#rule = rule;
    this.#clock = clock;
    this.#transfer = new FollowingSignal(signal);
    this.#stop = clock.every(rule.milliseconds / LOOKS_A_WINDOW, () => this.#look());
  }

  /** Aborted as the caller's is, or by a `store.unavailable` where nothing moves. */
  get signal(): AbortSignal {
    return this.#transfer.signal;
  }

  /** Counts the time that `step` takes, and the bytes it brings. */
  async waitFor<T>(step: Promise<T>, bytes: (value: T) => number): Promise<T> {
    this.#waitingSince = this.#clock.now();
    try {
      const value = await step;
      this.#moved += bytes(value);
      return value;
    } finally {
      this.#pause();
    }
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#transfer[Symbol.dispose]();
  }

  #pause(): void {
    if (this.#waitingSince !== undefined) this.#waited += Math.max(0, this.#clock.now() - this.#waitingSince);
    this.#waitingSince = undefined;
  }

  #look(): void {
    const waiting = this.#waitingSince !== undefined;
    this.#pause();
    if (waiting) this.#waitingSince = this.#clock.now();
    if (this.#waited < this.#rule.milliseconds) return;
    if (this.#moved < this.#rule.bytes) {
      this.#transfer.abort(
        new Failure('store.unavailable', {
          message: `${this.#what} brought ${this.#moved} bytes in ${Math.round(this.#waited / 1000)} seconds`,
        }),
      );
    }
    this.#waited = 0;
    this.#moved = 0;
  }
}
