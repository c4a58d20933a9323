import { isFailure } from '../../domain/failure.ts';
import { mapBounded } from '../bounded.ts';
import type { DeleteResult } from '../object-store.ts';
import type { DriverOptions } from '../remote/driver.ts';
import type { GcsClient } from './gcs-client.ts';
import type { ErrorAnswer } from './gcs-failure.ts';
import { lookUp } from './gcs-put.ts';

// The service's own batches are only parallel requests in one envelope, and count as such; this is what keeps a few connections busy.
const AT_ONCE = 16;

/** StoreDriver.deleteBatch. What may succeed when it is tried again fails all of it: deleting again what is gone is no error. */
export async function deleteBatch(
  client: GcsClient,
  keys: readonly string[],
  options: DriverOptions,
): Promise<readonly DeleteResult[]> {
  return mapBounded(keys, AT_ONCE, options.signal, async (key) => {
    try {
      return await deleteOne(client, key, options);
    } catch (error) {
      if (isFailure(error) && error.class !== 'transient' && error.code !== 'store.absent')
        return { key, kind: 'failed', error };
      throw error;
    }
  });
}

async function deleteOne(client: GcsClient, key: string, options: DriverOptions): Promise<DeleteResult> {
  const { signal } = options;
  const call = { operation: 'remove', key, method: 'DELETE', path: client.objectPath(key), signal } as const;
  const answer = await client.json({ ...call, accept: [403, 404] });
  if (answer.status === 403) {
    if (!saysRetained(answer.error)) throw await client.failure(call, answer);
    const found = await lookUp(client, key, options);
    if (found === undefined) return { key, kind: 'removed' };
    return { key, kind: 'retained', until: found.retainedUntil };
  }
  if (answer.status === 404) {
    const failure = await client.failure(call, answer);
    if (failure.code !== 'store.not-found') throw failure;
  }
  return { key, kind: 'removed' };
}

/** Bucket retention, object retention, a temporary or an event-based hold; a 403 otherwise is a lack of permission. */
function saysRetained(error: ErrorAnswer): boolean {
  return error.reason === 'retentionPolicyNotMet' || /retention|\bhold\b/i.test(error.message);
}
