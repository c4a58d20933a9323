import { randomBytes } from 'node:crypto';
import type { DesiredRepository } from '../../src/domain/desired.ts';
import type { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { createRecorder } from './recorder.ts';

/** Options for remoteStore in tests. Retries come at once: the random share of each delay is none. */
export function remoteOptions(
  limits?: DesiredRepository['limits'],
): Parameters<typeof remoteStore>[1] & { readonly reporter: ReturnType<typeof createRecorder> } {
  return {
    clock: systemClock,
    random: impatientRandom,
    reporter: createRecorder(),
    limits: createTransferLimits(limits, systemClock),
    uploadRetries: 3,
  };
}

/** Real tokens, but no delays (remote/attempts.ts asks for two bytes each). */
export function impatientRandom(bytes: number): Uint8Array {
  return bytes === 2 ? new Uint8Array(2) : randomBytes(bytes);
}
