import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { DriverObject, DriverReadOptions } from '../remote/driver.ts';
import { AzureBody } from './body.ts';
import { isAnswer } from './errors.ts';
import { properties, storedAt } from './properties.ts';
import type { AzureService } from './service.ts';

/** Get Blob. */
export async function readBlob(service: AzureService, key: string, options: DriverReadOptions): Promise<DriverObject> {
  const { range, version, signal } = options;
  const call = { ...service.call('read', signal, key), key };
  try {
    const answer = await service.onBlob(call, (blob) =>
      blob.download(range?.offset ?? 0, range?.length, {
        abortSignal: signal,
        maxRetryRequests: 0,
        ...(version !== undefined && { conditions: { ifMatch: version } }),
      }),
    );
    const { readableStreamBody: stream, contentLength, contentRange, etag } = answer;
    if (stream === undefined || contentLength === undefined || etag === undefined) {
      throw new Failure('store.unavailable', {
        message: `${service.description} answered a read of "${key}" without a body`,
      });
    }
    const body = new AzureBody(stream, contentLength, call);
    const size = range === undefined ? contentLength : sizeOfAll(contentRange);
    if (range !== undefined && (size === undefined || contentLength !== range.length)) {
      await body.return();
      throw new Failure(size === undefined ? 'store.unavailable' : 'store.incomplete', {
        message: `${service.description} gave ${contentRange ?? 'everything'} of "${key}" where ${range.length} bytes from ${range.offset} were asked for`,
      });
    }
    return { size: size ?? contentLength, version: etag, body };
  } catch (error) {
    if (!isAnswer(error, 'ConditionNotMet', 'TargetConditionNotMet')) throw error;
    throw new Failure('store.changed', {
      message: `the object "${key}" in ${service.description} was replaced while it was read`,
      cause: error,
    });
  }
}

/** `bytes 0-4/10` is a part of 10. */
function sizeOfAll(contentRange: string | undefined): number | undefined {
  const total = /\/(\d+)$/.exec(contentRange ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}

export async function headBlob(
  service: AzureService,
  key: string,
  signal: AbortSignal,
): Promise<ObjectInfo | undefined> {
  const found = await properties(service, key, signal);
  return found && { key, size: found.contentLength ?? 0, storedAt: storedAt(found.lastModified) };
}
