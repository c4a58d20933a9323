import type { Clock } from '../../telemetry/effects.ts';
import type { Attempts } from './attempts.ts';
import type { StoreDriver } from './driver.ts';
import type { TransferLimits } from './transfer-limits.ts';
import type { UploadAlerts } from './upload-alerts.ts';

/** What the operations of a remote store work with. */
export interface RemoteParts {
  readonly driver: StoreDriver;
  readonly attempts: Attempts;
  readonly limits: TransferLimits;
  readonly alerts: UploadAlerts;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly progress: ProgressRule;
}

/** A body that brings fewer bytes than `bytes` in `milliseconds` of waiting for it is broken off. */
export interface ProgressRule {
  readonly bytes: number;
  readonly milliseconds: number;
}
