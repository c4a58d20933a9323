import type { BlobGetPropertiesResponse } from '@azure/storage-blob';
import { Failure, isFailure } from '../../domain/failure.ts';
import type { AzureService } from './service.ts';

/** Get Blob Properties; undefined where the service says that there is no such object. */
export async function properties(
  service: AzureService,
  key: string,
  signal: AbortSignal,
): Promise<BlobGetPropertiesResponse | undefined> {
  const call = { ...service.call('look at', signal, key), key };
  try {
    return await service.onBlob(call, (blob) => blob.getProperties({ abortSignal: signal }));
  } catch (error) {
    if (isFailure(error, 'store.not-found')) return undefined;
    throw error;
  }
}

/** An answer without the time is no answer of the service. */
export function storedAt(time: Date | undefined): number {
  if (time !== undefined) return time.getTime();
  throw new Failure('store.unavailable', {
    message: 'an answer has no Last-Modified header: it is not of Azure Blob Storage',
  });
}
