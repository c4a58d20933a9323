import { type Failure, isFailure } from '../../domain/failure.ts';
import type { Reporter } from '../../telemetry/reporter.ts';

/** Failures in a row of an object that is not stored yet; what is older than this many others is forgotten. */
const MOST_OBJECTS = 1000;

interface Trouble {
  /** Failed requests of earlier puts of the object. */
  earlier: number;
  /** The longest row of failures of one request of the running put. */
  running: number;
  raised: boolean;
}

/** What is in trouble in a repository, shared by all who write to it, so that a put that is given up and made again counts on. */
export type UploadTroubles = Map<string, Trouble>;

/** Raises an alert for an object whose upload fails again and again, and clears it once the object is stored. */
export class UploadAlerts {
  readonly #troubles: UploadTroubles;
  readonly #reporter: Reporter;
  readonly #place: string;
  readonly #retries: number;

  constructor(troubles: UploadTroubles, options: { reporter: Reporter; place: string; retries: number }) {
    this.#troubles = troubles;
    this.#reporter = options.reporter;
    this.#place = options.place;
    this.#retries = options.retries;
  }

  /** One request of a put has failed `failures` times in a row. */
  failed(key: string, failures: number, error: Failure): void {
    const trouble = this.#troubles.get(key) ?? { earlier: 0, running: 0, raised: false };
    trouble.running = Math.max(trouble.running, failures);
    // Again to the end: the first ones are those that are forgotten.
    this.#troubles.delete(key);
    this.#troubles.set(key, trouble);
    this.#forget();
    if (trouble.raised || trouble.earlier + trouble.running < this.#retries) return;
    trouble.raised = true;
    this.#report(key, true, `cannot store ${key} in ${this.#place}: ${error.message}`);
  }

  /** A put was given up. What the caller did wrong or wanted (a wrong body, a taken name) is no trouble of the store. */
  gaveUp(key: string, error: unknown): void {
    if (!isFailure(error) || !error.code.startsWith('store.')) return;
    if (isFailure(error, 'store.exists', 'store.incomplete')) return;
    const before = this.#troubles.get(key);
    if (before === undefined || before.running === 0) this.failed(key, 1, error);
    const trouble = this.#troubles.get(key);
    if (trouble === undefined) return;
    trouble.earlier += trouble.running;
    trouble.running = 0;
  }

  stored(key: string): void {
    const trouble = this.#troubles.get(key);
    if (trouble === undefined) return;
    this.#troubles.delete(key);
    if (trouble.raised) this.#report(key, false, `stored ${key} in ${this.#place} at last`);
  }

  #forget(): void {
    for (const [key, trouble] of this.#troubles) {
      if (this.#troubles.size <= MOST_OBJECTS) return;
      this.#troubles.delete(key);
      if (trouble.raised) this.#report(key, false, `no longer watching the upload of ${key} to ${this.#place}`);
    }
  }

  #report(key: string, raised: boolean, message: string): void {
    this.#reporter.report({ kind: 'alert', alert: `upload ${this.#place} ${key}`, raised, message });
  }
}
