import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { instant } from '../domain/instant.ts';
import type { Clock, Effects } from './effects.ts';
import type { Reporter } from './reporter.ts';

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  async sleep(milliseconds, signal) {
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch (error) {
      // node:timers wraps the reason in an AbortError; the callers compare with the reason itself.
      signal.throwIfAborted();
      throw error;
    }
  },
};

/** The real effects, for the entry points. */
export function createSystemEffects(args: {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}): Effects {
  return { ...args, clock: systemClock, random: (count) => randomBytes(count) };
}
