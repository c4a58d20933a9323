import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverPutOptions } from '../remote/driver.ts';
import { md5Of } from '../remote/md5.ts';
import { absentContainer, answerFailure, dropped } from './errors.ts';
import { headObject, objectPath, storedAt, UPLOAD_HEADER } from './objects.ts';
import type { SwiftSession } from './session.ts';

/** One object in one request. Swift compares the body with the MD5 that is sent as its ETag, and keeps nothing of one that differs. */
export async function putWhole(
  session: SwiftSession,
  key: string,
  body: Body,
  options: DriverPutOptions,
): Promise<ObjectInfo> {
  const { place } = session;
  const doing = { operation: 'write', key };
  const response = await session.call({
    method: 'PUT',
    path: objectPath(place.container, key),
    headers: { ...putHeaders(options), ETag: (await md5Of(body)).toString('hex') },
    body,
    ...doing,
    signal: options.signal,
  });
  if (response.status === 412 && options.ifAbsent) {
    await dropped(response);
    return ownOrTaken(session, key, options);
  }
  if (response.status === 404) {
    await dropped(response);
    throw absentContainer(place);
  }
  if (response.status !== 201) throw await answerFailure(response, place, doing);
  await dropped(response);
  return { key, size: body.length, storedAt: storedAt(response.headers) };
}

export function putHeaders(options: DriverPutOptions): Readonly<Record<string, string>> {
  return {
    'Content-Type': 'application/octet-stream',
    [UPLOAD_HEADER]: options.token,
    // Checked by Swift, but not atomically: of eight concurrent writers seven were told that they created the object.
    ...(options.ifAbsent && { 'If-None-Match': '*' }),
  };
}

/** The key was taken: by an earlier attempt of this very put, whose answer was lost, or by somebody else. */
export async function ownOrTaken(session: SwiftSession, key: string, options: DriverPutOptions): Promise<ObjectInfo> {
  const found = await headObject(session, key, options.signal);
  if (found?.upload === options.token) return { key, size: found.size, storedAt: found.storedAt };
  throw taken(session, key);
}

export function taken(session: SwiftSession, key: string): Failure {
  return new Failure('store.exists', { message: `${session.place.store} already has an object ${key}` });
}
