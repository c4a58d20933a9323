import type { DeleteResult } from '../object-store.ts';
import { deleteInOneRequest } from './delete-request.ts';
import type { S3Session } from './session.ts';
import { deleteAllVersions, keepsVersions } from './versions.ts';

/** StoreDriver.deleteBatch: in a bucket with versions all of them, so that nothing stays behind a delete marker. */
export async function deleteObjects(
  session: S3Session,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly DeleteResult[]> {
  return (await keepsVersions(session, signal))
    ? deleteAllVersions(session, keys, signal)
    : deletePlainly(session, keys, signal);
}

async function deletePlainly(
  session: S3Session,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly DeleteResult[]> {
  const refusals = await deleteInOneRequest(
    session,
    keys.map((key) => ({ key })),
    signal,
  );
  const errors = new Map(refusals.map(({ item, error }) => [item.key, error]));
  return keys.map((key) => {
    const error = errors.get(key);
    return error === undefined ? { key, kind: 'removed' } : { key, kind: 'failed', error };
  });
}
