import { randomBytes } from 'node:crypto';
import { instant } from '../domain/instant.ts';
import type { Clock, Effects } from './effects.ts';
import type { Reporter } from './reporter.ts';

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  // Not that of node:timers: it wraps the reason, which callers compare with, in an error of its own; to make one costs more than a small read.
  sleep: async (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop);
        resolve();
      }, milliseconds);
      signal.addEventListener('abort', stop, { once: true });
    }),
};

/** The real effects, for the entry points. */
export function createSystemEffects(args: {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}): Effects {
  return { ...args, clock: systemClock, random: (count) => randomBytes(count) };
}
