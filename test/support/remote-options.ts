import { randomBytes } from 'node:crypto';
import type { DesiredRepository } from '../../src/domain/desired.ts';
import type { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import type { Clock } from '../../src/telemetry/effects.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { createRecorder } from './recorder.ts';

/** Options for remoteStore in tests. */
export function remoteOptions(
  limits?: DesiredRepository['limits'],
): Parameters<typeof remoteStore>[1] & { readonly reporter: ReturnType<typeof createRecorder> } {
  return {
    clock: impatientClock,
    random: randomBytes,
    reporter: createRecorder(),
    limits: createTransferLimits(limits, systemClock),
    uploadRetries: 3,
  };
}

/** Retries come at once. */
export const impatientClock: Clock = {
  ...systemClock,
  sleep: async (_milliseconds, signal) => signal.throwIfAborted(),
};
