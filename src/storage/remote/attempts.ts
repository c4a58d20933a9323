import { Failure, isFailure } from '../../domain/failure.ts';
import type { Clock } from '../../telemetry/effects.ts';
import type { Gate } from './gate.ts';
import { RetryAfter } from './retry-after.ts';

/**
 * Together 12.7 to 25.4 seconds of waiting: a service that restarts within twelve is always waited for, one that is gone is not. Among some dozen
 * requests under way when it stops, the unluckiest decides whether a backup fails: the lower bound counts, not the average.
 */
const TRIES = 8;
const FIRST_DELAY_MILLISECONDS = 200;
/** A server may ask for a longer wait than our own, up to this. */
const LONGEST_DELAY_MILLISECONDS = 60_000;

export interface AttemptsOptions {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly gate: Gate;
}

interface Calls {
  /** Told after each failure that is tried again or given up: how many there have been in a row. */
  readonly onFailure?: (failures: number, error: Failure) => void;
  /** Done before each try, outside of the gate: waiting for bandwidth. */
  readonly before?: () => Promise<void>;
  readonly tries?: number;
}

/**
 * The one place that tries requests again. A request that failed for a passing reason (`store.unavailable`, `store.throttled`) is
 * repeated after half of a doubling time and a random part of the other half, so that many clients do not come back at the same moment. Requests of a driver
 * are repeatable: where only the answer was lost, the next try finds what it made.
 */
export class Attempts {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  async run<T>(signal: AbortSignal, request: () => Promise<T>, calls: Calls = {}): Promise<T> {
    const { tries = TRIES, before, onFailure } = calls;
    for (let failures = 1; ; failures += 1) {
      await before?.();
      try {
        return await this.once(signal, request);
      } catch (error) {
        signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        onFailure?.(failures, error);
        if (failures >= tries) throw exhausted(error, failures);
        await this.pause(failures, error, signal);
      }
    }
  }

  /** One request, through the gate, which learns from its outcome. */
  async once<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T> {
    const { gate } = this.#options;
    return gate.run(signal, async () => {
      try {
        signal.throwIfAborted();
        const answer = await request();
        gate.succeeded();
        return answer;
      } catch (error) {
        if (isFailure(error, 'store.throttled')) gate.throttled();
        throw error;
      }
    });
  }

  /** Waits before the try that follows the `failures`-th failure in a row. */
  async pause(failures: number, error: Failure, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const longest = Math.min(LONGEST_DELAY_MILLISECONDS, FIRST_DELAY_MILLISECONDS * 2 ** (failures - 1));
    // Two random bytes: a millisecond's precision for delays of up to a minute.
    const [high = 0, low = 0] = random(2);
    const own = (longest * (1 + (high * 256 + low) / 65_536)) / 2;
    const asked = error.cause instanceof RetryAfter ? error.cause.milliseconds : 0;
    await clock.sleep(Math.min(LONGEST_DELAY_MILLISECONDS, Math.max(own, asked)), signal);
  }
}

/** Whether the same request may succeed later without anybody doing anything. Everything else a store says is final. */
export function isPassing(error: unknown): error is Failure {
  return isFailure(error, 'store.unavailable', 'store.throttled');
}

function exhausted(error: Failure, tries: number): Failure {
  if (tries === 1) return error;
  return new Failure(error.code, {
    message: `${error.message} (tried ${tries} times)`,
    ...(error.hint !== undefined && { hint: error.hint }),
    cause: error,
  });
}
