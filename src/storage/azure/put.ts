import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverPutOptions } from '../remote/driver.ts';
import { md5Of } from '../remote/md5.ts';
import { isAnswer } from './errors.ts';
import { properties, storedAt } from './properties.ts';
import { requestBody } from './request-body.ts';
import type { AzureService } from './service.ts';

/** Metadata names must be identifiers of C#, so that the driver's `hoard-upload` cannot be used. */
const TOKEN = 'hoard_upload';

/** What a create, or a commit of blocks, carries: the token, and the condition. */
export function writeOptions({ token, ifAbsent, signal }: DriverPutOptions) {
  return { abortSignal: signal, metadata: { [TOKEN]: token }, ...(ifAbsent && { conditions: { ifNoneMatch: '*' } }) };
}

/** Put Blob. */
export async function putWhole(
  service: AzureService,
  key: string,
  body: Body,
  options: DriverPutOptions,
): Promise<ObjectInfo> {
  const call = { ...service.call('write', options.signal, key), key };
  const size = body.length;
  // Only a create has to tell its own earlier attempt from another's object; a small request notices every header.
  const write = options.ifAbsent ? writeOptions(options) : { abortSignal: options.signal };
  const transactionalContentMD5 = await md5Of(body);
  try {
    const { lastModified } = await service.onBlob(call, (blob) =>
      blob.upload(requestBody(body), size, { ...write, transactionalContentMD5 }),
    );
    return { key, size, storedAt: storedAt(lastModified) };
  } catch (error) {
    return unlessOwn(service, key, size, options, error);
  }
}

/** A create that failed on its condition may have been one whose answer was lost: then the object carries the token. */
export async function unlessOwn(
  service: AzureService,
  key: string,
  size: number,
  options: DriverPutOptions,
  error: unknown,
): Promise<ObjectInfo> {
  // UnauthorizedBlobOverwrite: what a SAS that allows to create and not to write gives instead.
  const taken = isAnswer(
    error,
    'BlobAlreadyExists',
    'ConditionNotMet',
    'TargetConditionNotMet',
    'UnauthorizedBlobOverwrite',
  );
  if (!taken || !options.ifAbsent) throw error;
  const found = await ownOrTaken(service, key, size, options);
  if (found.kind === 'own') return found.info;
  if (found.kind === 'taken') throw found.failure;
  throw new Failure('store.unavailable', {
    message: `${service.description} held "${key}" and lost it again during a write`,
    cause: error,
  });
}

type Found =
  | { readonly kind: 'own'; readonly info: ObjectInfo }
  | { readonly kind: 'taken'; readonly failure: Failure }
  | { readonly kind: 'none' };

/** Whose object is stored: the one of this put, which then has succeeded, or another's. */
export async function ownOrTaken(
  service: AzureService,
  key: string,
  size: number,
  options: DriverPutOptions,
): Promise<Found> {
  const found = await properties(service, key, options.signal);
  if (found === undefined) return { kind: 'none' };
  if (found.metadata?.[TOKEN] === options.token && found.contentLength === size) {
    return { kind: 'own', info: { key, size, storedAt: storedAt(found.lastModified) } };
  }
  const message = `${service.description} already holds "${key}"`;
  return { kind: 'taken', failure: new Failure('store.exists', { message }) };
}
