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
  every: (milliseconds, look) => {
    const timer = setInterval(look, milliseconds);
    return () => clearInterval(timer);
  },
};

/** The real effects, for the entry points. */
export function createSystemEffects(args: {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}): Effects {
  return { ...args, clock: systemClock, random: createRandom() };
}

const POOL_BYTES = 4096;

/** Random bytes for tokens and delays, fetched many at once: one call for each is noticed by requests of 4 KiB. None is given twice. */
function createRandom(): (count: number) => Uint8Array {
  let pool = Buffer.alloc(0);
  return (count) => {
    if (count > POOL_BYTES) return randomBytes(count);
    if (pool.length < count) pool = randomBytes(POOL_BYTES);
    const taken = Uint8Array.prototype.slice.call(pool, 0, count);
    pool = pool.subarray(count);
    return taken;
  };
}
