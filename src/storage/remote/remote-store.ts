import { Failure } from '../../domain/failure.ts';
import type { Clock } from '../../telemetry/effects.ts';
import type { Reporter } from '../../telemetry/reporter.ts';
import type { ObjectStore } from '../object-store.ts';
import type { StoreDriver } from './driver.ts';
import type { TransferLimits } from './transfer-limits.ts';

export interface RemoteStoreOptions {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly reporter: Reporter;
  readonly limits: TransferLimits;
  /** An alert is raised once an object has failed so often. */
  readonly uploadRetries: number;
}

export function remoteStore(driver: StoreDriver, _options: RemoteStoreOptions): ObjectStore {
  throw new Failure('bug', { message: `${driver.description}: not built yet` });
}
