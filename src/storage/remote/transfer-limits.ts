import type { DesiredRepository } from '../../domain/desired.ts';
import type { Clock } from '../../telemetry/effects.ts';
import { Bandwidth } from './bandwidth.ts';
import { BufferBudget } from './buffer-budget.ts';
import { Gate } from './gate.ts';
import type { UploadTroubles } from './upload-alerts.ts';

/** What everything in the process that uses a repository shares. */
export interface TransferLimits {
  readonly gate: Gate;
  readonly upload: Bandwidth;
  readonly download: Bandwidth;
  readonly buffers: BufferBudget;
  readonly troubles: UploadTroubles;
}

/** Where the policy says nothing: more than the engines have under way, less than any store objects to. */
const CONCURRENCY = 16;
/** With 8 transfers that hold 16 MiB each before they go in parts, 192 MiB in all. */
const BUFFERED_BYTES = 64 * 1024 ** 2;

export function createTransferLimits(declared: DesiredRepository['limits'], clock: Clock): TransferLimits {
  return {
    gate: new Gate(declared?.concurrency ?? CONCURRENCY, clock),
    upload: new Bandwidth(declared?.upload, clock),
    download: new Bandwidth(declared?.download, clock),
    buffers: new BufferBudget(BUFFERED_BYTES),
    troubles: new Map(),
  };
}
