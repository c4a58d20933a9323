import type { Clock } from '../../telemetry/effects.ts';
import type { Reporter } from '../../telemetry/reporter.ts';
import { checkKey, checkPrefix } from '../object-key.ts';
import type { ObjectStore } from '../object-store.ts';
import { Attempts } from './attempts.ts';
import { deleteObjects } from './delete.ts';
import type { StoreDriver } from './driver.ts';
import { getObject } from './get.ts';
import { listObjects } from './list.ts';
import { putObject } from './put.ts';
import type { ProgressRule, RemoteParts } from './remote-parts.ts';
import type { TransferLimits } from './transfer-limits.ts';
import { UploadAlerts } from './upload-alerts.ts';

interface RemoteStoreOptions {
  readonly clock: Clock;
  /** For tokens of 16 bytes, and for delays, 2 bytes each. */
  readonly random: (bytes: number) => Uint8Array;
  readonly reporter: Reporter;
  readonly limits: TransferLimits;
  /** An alert is raised once an object has failed so often. */
  readonly uploadRetries: number;
  /** When a body that is read counts as stalled. */
  readonly progress?: ProgressRule;
}

/** A kibibyte a second is what nobody waits for; half a minute is longer than a store takes to fail over. */
const PROGRESS: ProgressRule = { bytes: 32 * 1024, milliseconds: 30_000 };

/** An ObjectStore over the single requests of a driver. */
export function remoteStore(driver: StoreDriver, options: RemoteStoreOptions): ObjectStore {
  const { clock, random, reporter, limits, uploadRetries, progress = PROGRESS } = options;
  const attempts = new Attempts({ clock, random, gate: limits.gate });
  const alerts = new UploadAlerts(limits.troubles, { reporter, place: driver.description, retries: uploadRetries });
  const remote: RemoteParts = { driver, attempts, limits, alerts, clock, random, progress };
  return {
    capabilities: driver.capabilities,
    conditionalCreateLimit: async ({ signal }) =>
      attempts.run(signal, async () => driver.conditionalCreateLimit({ signal })),
    description: driver.description,
    put: async (key, body, putOptions) => putObject(remote, key, body, putOptions),
    get: async (key, getOptions) => getObject(remote, key, getOptions),
    async head(key, { signal }) {
      checkKey(key);
      signal.throwIfAborted();
      return attempts.run(signal, async () => driver.head(key, { signal }));
    },
    list: (prefix, listOptions) => listObjects(remote, prefix, listOptions),
    deleteMany: async (keys, deleteOptions) => deleteObjects(remote, keys, deleteOptions),
    async removeAbandonedUploads(prefix, before, { signal }) {
      checkPrefix(prefix);
      signal.throwIfAborted();
      return attempts.run(signal, async () => driver.removeAbandonedUploads(prefix, before, { signal }));
    },
    close: async () => driver.close(),
  };
}
