import type { Instant } from '../domain/instant.ts';
import type { Reporter } from './reporter.ts';

/** Everything impure that the engines need, constructed once in the entry points and passed down. */
export interface Effects {
  readonly clock: Clock;
  /** `count` random bytes. */
  readonly random: (count: number) => Uint8Array;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface Clock {
  now(): Instant;
  /** Resolves after the time; rejects with the signal's reason when aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Calls `look` again and again, that long apart, until the function that is returned is called. */
  every(milliseconds: number, look: () => void): () => void;
}
