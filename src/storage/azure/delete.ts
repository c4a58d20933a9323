import { isFailure } from '../../domain/failure.ts';
import type { DeleteResult } from '../object-store.ts';
import { answerFailure, isAnswer } from './errors.ts';
import { properties } from './properties.ts';
import type { AzureService } from './service.ts';

// https://learn.microsoft.com/rest/api/storageservices/blob-batch
export const DELETE_BATCH = 256;

/** A blob with snapshots can only go together with them. */
const OPTIONS = { deleteSnapshots: 'include' } as const;

/** Blob Batch; one key needs none. */
export async function deleteBlobs(
  service: AzureService,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly DeleteResult[]> {
  const [only] = keys;
  if (only === undefined) return [];
  if (keys.length === 1) return [await deleteOne(service, only, signal)];
  const { subResponses } = await service.onContainer(service.call('delete objects', signal), (container) =>
    container.getBlobBatchClient().deleteBlobs(
      keys.map((key) => container.getBlobClient(key)),
      { ...OPTIONS, abortSignal: signal },
    ),
  );
  const results: DeleteResult[] = [];
  for (const [index, key] of keys.entries()) {
    // The SDK puts the answers in the order of the keys, and leaves a hole where none came.
    const answer = subResponses[index];
    if (answer !== undefined && answer.status < 300) {
      results.push({ key, kind: 'removed' });
      continue;
    }
    const { status = 500, errorCode: code, statusMessage = 'no answer' } = answer ?? {};
    const failure = answerFailure(
      { status, code, message: statusMessage, retryAfter: undefined },
      service.call('delete', signal, key),
    );
    results.push(await resultOf(service, key, failure, signal));
  }
  return results;
}

async function deleteOne(service: AzureService, key: string, signal: AbortSignal): Promise<DeleteResult> {
  const call = { ...service.call('delete', signal, key), key };
  try {
    await service.onBlob(call, (blob) => blob.delete({ ...OPTIONS, abortSignal: signal }));
    return { key, kind: 'removed' };
  } catch (error) {
    // Nothing was answered about this key: the request as a whole failed.
    if (isFailure(error, 'store.unavailable', 'store.throttled')) throw error;
    return resultOf(service, key, error, signal);
  }
}

async function resultOf(
  service: AzureService,
  key: string,
  error: unknown,
  signal: AbortSignal,
): Promise<DeleteResult> {
  if (isFailure(error, 'store.not-found')) return { key, kind: 'removed' };
  if (isFailure(error, 'store.absent') || !(error instanceof Error) || signal.aborted) throw error;
  if (!isAnswer(error, 'BlobImmutableDueToPolicy', 'BlobImmutableDueToLegalHold'))
    return { key, kind: 'failed', error };
  const found = await properties(service, key, signal);
  // A legal hold has no end; a policy of the container does not say when it lets this object go.
  const until = found?.legalHold === true ? undefined : found?.immutabilityPolicyExpiresOn?.getTime();
  return { key, kind: 'retained', until };
}
